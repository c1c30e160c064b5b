import type pg from 'pg';

/** What a transaction does in each database, in order. */
export type Statement = (client: pg.PoolClient) => Promise<unknown>;

/** Plain transactions: each database commits for itself, so a crash in between leaves one of them. */
export async function plainCommits(pools: readonly pg.Pool[], statement: Statement): Promise<void> {
  await inTransactions(pools, statement, (clients) =>
    Promise.all(clients.map((client) => client.query('commit'))),
  );
}

let counter = 0;

/**
 * Prepared transactions without a coordinator: a crash in between leaves them locked for ever.
 * @param decide what is waited for between the phases; nothing unless told.
 */
export async function preparedByHand(
  pools: readonly pg.Pool[],
  statement: Statement,
  decide?: () => Promise<void>,
): Promise<void> {
  const name = `by-hand-${++counter}`;
  await inTransactions(pools, statement, async (clients) => {
    await Promise.all(clients.map((client) => client.query(`prepare transaction '${name}'`)));
    await decide?.();
    await Promise.all(clients.map((client) => client.query(`commit prepared '${name}'`)));
  });
}

async function inTransactions(
  pools: readonly pg.Pool[],
  statement: Statement,
  end: (clients: readonly pg.PoolClient[]) => Promise<unknown>,
): Promise<void> {
  const clients: pg.PoolClient[] = [];
  try {
    // In this order, so that two transactions never wait for each other in two databases.
    for (const pool of pools) {
      const client = await pool.connect();
      clients.push(client);
      await client.query('begin');
      await statement(client);
    }
    await end(clients);
  } finally {
    for (const client of clients) client.release();
  }
}
