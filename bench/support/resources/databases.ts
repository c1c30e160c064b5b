import { mysql } from '@unanimous/participant-sdk/mysql';
import { postgres, TableQueue } from '@unanimous/participant-sdk/postgres';
import { openQueue, sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import mysql2 from 'mysql2';
import pg from 'pg';
import { startMariadb } from '../../../test/servers/mariadb.ts';
import { AccountDatabases } from '../accounts.ts';
import { Arrivals } from '../arrivals.ts';
import { plainCommits } from '../by-hand.ts';
import { type Bench, besideRow, changeRow, type MeasuredResource } from './measured-resource.ts';

/** A row in another Postgres. */
export async function openPostgres(bench: Bench): Promise<MeasuredResource> {
  const { tm, inFlight } = bench;
  const databases = await AccountDatabases.start(1, inFlight + 4);
  const [connectionString = ''] = databases.urls;
  const { pool } = await tm.serve(postgres({ rm: 'other', pg, connectionString, max: inFlight }));
  return besideRow(bench, {
    name: 'a second Postgres',
    write: () => plainCommits(databases.pools, changeRow),
    stage: () => changeRow(pool),
    [Symbol.asyncDispose]: () => databases[Symbol.asyncDispose](),
  });
}

/** A row in MariaDB. */
export async function openMariadb(bench: Bench): Promise<MeasuredResource> {
  const server = await startMariadb();
  server.client('create database bench; create table bench.events (event varchar(40) primary key)');
  const where = { ...server.options('bench'), connectionLimit: bench.inFlight };
  const plain = mysql2.createPool(where).promise();
  const { pool } = await bench.tm.serve(mysql({ rm: 'mariadb', mysql2, ...where }));
  const insert = 'insert into events values (?)';
  return besideRow(bench, {
    name: 'MariaDB',
    write: (event) => plain.query(insert, [event]),
    stage: (event) => pool.promise().query(insert, [event]),
    async [Symbol.asyncDispose]() {
      await plain.end();
      await server.stop();
    },
  });
}

/** A message in a SQLite queue; by hand a row in another file, forced as well. */
export async function openSqliteQueue(bench: Bench): Promise<MeasuredResource> {
  const file = bench.folder.file('queue.db');
  const queue = await bench.tm.serve(sqliteQueue({ rm: 'queue', file, Database }));
  const byHand = new Database(bench.folder.file('by-hand.db'));
  byHand.pragma('journal_mode = wal');
  byHand.pragma('synchronous = full');
  byHand.exec('create table events (event text not null) strict');
  const insert = byHand.prepare('insert into events values (?)');
  const arrivals = new Arrivals();
  const over = new AbortController();
  const reader = await openQueue({ file, Database });
  const reading = reader.consume<string>('events', ({ body }) => arrivals.has(body), {
    signal: over.signal,
    concurrency: bench.inFlight,
  });
  return besideRow(bench, {
    name: 'SQLite queue',
    write: async (event) => insert.run(event),
    stage: (event) => queue.publish('events', event),
    arrival: (event) => arrivals.of(event),
    isReadByHand: false,
    async [Symbol.asyncDispose]() {
      over.abort();
      await reading;
      await reader[Symbol.asyncDispose]();
      byHand.close();
    },
  });
}

/** A message in a table of the very Postgres: one branch, one phase, and by hand one transaction. */
export async function openTableQueue(bench: Bench): Promise<MeasuredResource> {
  const { tm, accounts: pool, plain } = bench;
  const queue = new TableQueue({ tm, pool });
  await queue.createTable();
  const arrivals = new Arrivals();
  const over = new AbortController();
  const work = async ({ content }: { readonly content: string }) => arrivals.has(content);
  const reading = queue.consume<string>('timed', work, { signal: over.signal });
  // A reader takes one at a time, and would be far behind after so many.
  const topicOf = (event: string) => (event.startsWith('timed') ? 'timed' : 'unread');
  const insert = 'insert into unanimous_messages (topic, content) values ($1, $2)';
  return {
    name: 'queue table, in the same Postgres',
    byHand: (event) =>
      plainCommits([plain], async (client) => {
        await changeRow(client);
        await client.query(insert, [topicOf(event), JSON.stringify(event)]);
      }),
    inTransaction: (event) =>
      tm.transaction(async () => {
        await changeRow(pool);
        await queue.publish(topicOf(event), event);
      }),
    arrival: (event) => arrivals.of(event),
    async [Symbol.asyncDispose]() {
      over.abort();
      await reading;
    },
  };
}
