import type pg from 'pg';
import { type Builder, bySavepoint, overPool, type Statements } from './builder.ts';

type Runs = (text: string, values?: unknown[]) => Promise<{ rows: any[] }>;

function statements(run: Runs): Statements {
  return {
    insert: (id, name) => run('INSERT INTO dishes VALUES ($1, $2)', [id, name]),
    rename: (id, name) => run('UPDATE dishes SET name = $2 WHERE id = $1', [id, name]),
    names: async () =>
      (await run('SELECT name FROM dishes ORDER BY id')).rows.map((row) => row.name),
    raw: (sql) => run(sql),
    value: async (sql) => (await run(sql)).rows[0]?.value,
    nested: (work) => bySavepoint(run, () => work(statements(run))),
  };
}

/** As the manual of pg says to do it. */
async function inTransaction(run: Runs, work: () => Promise<unknown>, isolation?: string) {
  await run(isolation ? `BEGIN ISOLATION LEVEL ${isolation}` : 'BEGIN');
  try {
    await work();
    await run('COMMIT');
  } catch (error) {
    await run('ROLLBACK');
    throw error;
  }
}

/** pg itself, with promises. */
export const pgPromises = overPool(({ pool }): Builder => {
  return {
    ...statements((text, values) => pool.query(text, values)),
    async transaction(work, isolation) {
      const client = await pool.connect();
      const run: Runs = (text, values) => client.query(text, values);
      try {
        await inTransaction(run, () => work(statements(run)), isolation);
      } finally {
        client.release();
      }
    },
  };
});

/** pg itself, with callbacks. */
export const pgCallbacks = overPool(({ pool }): Builder => {
  const runOn =
    (on: pg.Pool | pg.PoolClient): Runs =>
    (text, values = []) =>
      new Promise((resolve, reject) => {
        on.query(text, values, (error: Error | null, result: pg.QueryResult) =>
          error ? reject(error) : resolve(result),
        );
      });
  return {
    ...statements(runOn(pool)),
    async transaction(work, isolation) {
      const [client, release] = await new Promise<[pg.PoolClient, () => void]>(
        (resolve, reject) => {
          pool.connect((error, connected, done) =>
            connected ? resolve([connected, done]) : reject(error),
          );
        },
      );
      const run = runOn(client);
      try {
        await inTransaction(run, () => work(statements(run)), isolation);
      } finally {
        release();
      }
    },
  };
});
