import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres, TableQueue } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { PgBoss } from './pg-boss.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const dir = tempDir();
let server: PostgresServer;
let tm: TransactionClient;
let pools: readonly [pg.Pool, pg.Pool];
let queue: TableQueue;
let url: string;

const no = () => Promise.reject(new Error('no'));

/** Receives until there is nothing, and gives the contents. */
async function drain(topic: string): Promise<unknown[]> {
  const contents: unknown[] = [];
  const keep = async ({ content }: { readonly content: unknown }) => contents.push(content);
  while (await queue.receive(topic, keep));
  return contents;
}

serverOrSkip('postgres').describe('a queue in a table', () => {
  beforeAll(async () => {
    server = await startPostgres({ settings: { fsync: 'off' } });
    tm = await TransactionClient.embedded({ data: dir.file('log') });
    url = await server.createDatabase('first');
    const urls = [url, await server.createDatabase('second')];
    const served = await Promise.all(
      urls.map((connectionString, n) =>
        tm.serve(postgres({ rm: `db-${n}`, pg, connectionString })),
      ),
    );
    pools = served.map(({ pool }) => pool) as [pg.Pool, pg.Pool];
    queue = new TableQueue({ tm, pool: pools[0], maxAttempts: 3, retryMs: 1 });
    await queue.createTable();
    await queue.createTable(); // again, as each start does
    for (const pool of pools) await pool.query('CREATE TABLE done (content json)');
  }, 60_000);
  afterAll(async () => {
    await tm?.close();
    await server?.stop();
    dir.remove();
  });
  beforeEach(async () => {
    for (const pool of pools) await pool.query('TRUNCATE done');
  });

  const done = async (pool: pg.Pool) =>
    (await pool.query<{ content: unknown }>('SELECT content FROM done')).rows.map((r) => r.content);
  const write = (pool: pg.Pool, content: unknown) =>
    pool.query('INSERT INTO done VALUES ($1)', [JSON.stringify(content)]);

  test('has what was committed, in order, and nothing of an aborted transaction', async () => {
    await tm.transaction(async () => {
      await queue.publish('a', { n: 1 });
      await queue.publish('a', 'two');
      await write(pools[1], 'beside');
    });
    await expect(
      tm.transaction(async () => {
        await queue.publish('a', 'three');
        await no();
      }),
    ).rejects.toThrow('no');
    expect(await drain('a')).toEqual([{ n: 1 }, 'two']);
    expect(await done(pools[1])).toEqual(['beside']);
    await expect(queue.publish('a', 1)).rejects.toMatchObject({ code: 'no-transaction' });
  });

  test('gives a message with what it causes in two databases, or not at all', async () => {
    await tm.transaction(() => queue.publish('b', 7));
    const work = async ({ content }: { readonly content: unknown }) => {
      for (const pool of pools) await write(pool, content);
    };
    const failing = queue.receive('b', async (message) => {
      await work(message);
      await no();
    });
    await expect(failing).rejects.toThrow('no');
    expect([await done(pools[0]), await done(pools[1])]).toEqual([[], []]);
    const again = await waitUntil(() => queue.receive('b', work), { what: 'the next attempt' });
    expect(again).toBe(true);
    expect([await done(pools[0]), await done(pools[1])]).toEqual([[7], [7]]);
    expect(await queue.receive('b', work)).toBe(false);
  });

  test('gives each message to one of many consumers', async () => {
    await tm.transaction(async () => {
      for (let n = 0; n < 40; n++) await queue.publish('c', n);
    });
    const over = new AbortController();
    const seen: unknown[] = [];
    const consumers = Array.from({ length: 4 }, () =>
      queue.consume(
        'c',
        async ({ content }) => {
          await write(pools[1], content);
          seen.push(content);
        },
        { signal: over.signal, pollMs: 5 },
      ),
    );
    await waitUntil(async () => (await done(pools[1])).length === 40, { what: 'all messages' });
    over.abort();
    await Promise.all(consumers);
    expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 40 }, (_, n) => n),
    );
  });

  test('sets aside what fails too often, with its error, and goes on with the next', async () => {
    await tm.transaction(async () => {
      await queue.publish('d', 'poison');
      await queue.publish('d', 'good');
    });
    const attempts: number[] = [];
    const errors: unknown[] = [];
    const over = new AbortController();
    const consumed = queue.consume(
      'd',
      async ({ content, attempt }) => {
        if (content === 'good') return;
        attempts.push(attempt);
        await no();
      },
      { signal: over.signal, pollMs: 2, onError: (error) => errors.push(error) },
    );
    const aside = await waitUntil(
      async () => {
        const found = await queue.setAside('d');
        return found.length > 0 && found;
      },
      { what: 'the message to be set aside' },
    );
    over.abort();
    await consumed;
    expect(aside).toMatchObject([{ content: 'poison', attempt: 3, error: 'Error: no' }]);
    expect(attempts).toEqual([1, 2, 3]);
    expect(errors).toHaveLength(3);
    expect(await drain('d')).toEqual([]);
  });

  test.each(['x; DROP TABLE done', 'Upper', 'a.b.c', ''])('%o is no table', (table) => {
    const make = () => new TableQueue({ tm, pool: pools[0], table });
    expect(make).toThrow('is no name');
  });

  test('pg-boss adds its jobs in the branch, as it is', async () => {
    await using boss = await PgBoss.start(url);
    const [pool] = pools;
    const db = { executeSql: (text: string, values: unknown[]) => pool.query(text, values) };
    const send = (n: number) => boss.send('mails', { n }, { db });
    await tm.transaction(async () => {
      await send(1);
      await write(pools[1], 'beside');
    });
    await expect(
      tm.transaction(async () => {
        await send(2);
        await no();
      }),
    ).rejects.toThrow('no');
    expect(await boss.fetchAll('mails')).toEqual([{ n: 1 }]);
  }, 30_000);
});
