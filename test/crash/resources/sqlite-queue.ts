import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { hasClient, querySqlite } from '../support/run-client.ts';

/** Each transaction publishes two messages to one topic. */
export const resourceCase: ResourceCase<{ readonly file: string }> = {
  title: 'SQLite queue',
  module: import.meta.url,
  reader: 'sqlite3',
  promised: { parts: 2, repeats: 'none', order: 'commits' },
  isPresent: () => hasClient('sqlite3'),

  async start(_, dir) {
    const file = dir.file('queue.db');
    return {
      settings: { file },
      async read() {
        const sql = 'select id, body from unanimous_messages order by sequence';
        return querySqlite<{ id: string; body: string }>(file, sql).map(({ id, body }) => {
          return { ...(JSON.parse(body) as Effect), id };
        });
      },
      async prepared() {
        const sql = "select branch from unanimous_branches where state = 'prepared'";
        return querySqlite<{ branch: string }>(file, sql).map(({ branch }) => branch);
      },
    };
  },

  async serve(tm, rm, { file }) {
    const queue = await tm.serve(sqliteQueue({ rm, file, Database }));
    return (effect: Effect) => queue.publish('entries', effect);
  },
};
