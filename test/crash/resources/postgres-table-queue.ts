import { postgres, TableQueue } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { queryPostgres } from '../support/run-client.ts';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { resourceCase as database } from './postgres.ts';

/** Each transaction publishes two messages as rows of a table. */
export const resourceCase: ResourceCase<{ readonly connectionString: string }> = {
  ...database,
  title: 'Queue in a table of Postgres',
  module: import.meta.url,
  promised: { parts: 2, repeats: 'none', order: 'commits' },

  async start(parts, dir) {
    const target = await database.start(parts, dir);
    const sql = 'select content from unanimous_messages order by id';
    const read = async () =>
      queryPostgres<{ content: Effect }>(target.settings.connectionString, sql);
    return { ...target, read: async () => (await read()).map(({ content }) => content) };
  },

  async serve(tm, rm, { connectionString }) {
    const { pool } = await tm.serve(postgres({ rm, pg, connectionString, max: 12 }));
    const queue = new TableQueue({ tm, pool });
    await queue.createTable();
    return (effect: Effect) => queue.publish('entries', effect);
  },
};
