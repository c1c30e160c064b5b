import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import {
  DatabaseSetup,
  getDisabledLogger,
  initializeMessageStorage,
  initializePollingMessageListener,
} from 'pg-transactional-outbox';

/** How an outbox is looked into: as often as one dares, since each look costs the database. */
const pollMs = 100;
const batchSize = 200;

/** An outbox: writes an event in the caller's transaction, and publishes it some time later. */
export interface Outbox extends AsyncDisposable {
  write(client: pg.PoolClient, event: string): Promise<unknown>;
}

type Publish = (event: string) => Promise<void>;

/** A table, and a loop that takes rows from it: what people write themselves. */
export async function ownOutbox(pool: pg.Pool, publish: Publish): Promise<Outbox> {
  await pool.query('create table outbox (id bigserial primary key, event text not null)');
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      if ((await publishSome(pool, publish)) < batchSize) await delay(pollMs);
    }
  })();
  return {
    write: (client, event) => client.query('insert into outbox (event) values ($1)', [event]),
    async [Symbol.asyncDispose]() {
      over.abort();
      await looking;
    },
  };
}

async function publishSome(pool: pg.Pool, publish: Publish): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ id: string; event: string }>(
      'select id, event from outbox order by id limit $1 for update skip locked',
      [batchSize],
    );
    await Promise.all(rows.map(({ event }) => publish(event)));
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0) await client.query('delete from outbox where id = any($1)', [ids]);
    await client.query('commit');
    return rows.length;
  } finally {
    client.release();
  }
}

/** The npm library pg-transactional-outbox, polling. */
export async function libraryOutbox(
  pool: pg.Pool,
  connectionString: string,
  publish: Publish,
): Promise<Outbox> {
  const table = {
    outboxOrInbox: 'outbox',
    database: 'accounts',
    schema: 'public',
    table: 'library_outbox',
    listenerRole: 'postgres',
    nextMessagesSchema: 'public',
    nextMessagesName: 'next_outbox_messages',
  } as const;
  await pool.query(DatabaseSetup.dropAndCreateTable(table));
  await pool.query(DatabaseSetup.createPollingFunction(table));
  await pool.query(DatabaseSetup.setupPollingIndexes(table));
  const config = {
    outboxOrInbox: 'outbox',
    dbListenerConfig: { connectionString },
    settings: {
      dbSchema: table.schema,
      dbTable: table.table,
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionName: table.nextMessagesName,
      nextMessagesBatchSize: batchSize,
      nextMessagesPollingIntervalInMs: pollMs,
    },
  } as const;
  const logger = getDisabledLogger();
  const handle = ({ payload }: { readonly payload: unknown }) =>
    publish((payload as { readonly event: string }).event);
  const [shutdown] = initializePollingMessageListener(config, { handle }, logger);
  const store = initializeMessageStorage(config, logger);
  return {
    write: (client, event) =>
      store(
        {
          id: randomUUID(),
          aggregateType: 'order',
          aggregateId: event,
          messageType: 'placed',
          concurrency: 'parallel',
          payload: { event },
        },
        client,
      ),
    [Symbol.asyncDispose]: shutdown,
  };
}
