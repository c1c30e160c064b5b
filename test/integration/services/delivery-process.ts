// The delivery service as a process: it takes events from the queue, and remembers what it has
// delivered in the same write that delivers, since a queue delivers at least once.
import { openQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import { type OrderPlaced, topic } from '../support/shop-schema.ts';
import { readSettings, sayReady } from './shop-settings.ts';

const { queueFile, deliveriesFile } = readSettings();
const deliveries = new Database(deliveriesFile);
deliveries.pragma('journal_mode = wal');
deliveries.exec(`create table if not exists deliveries (
  order_id text primary key, gid text not null, copies integer not null default 1) strict`);
const deliver = deliveries.prepare(`insert into deliveries (order_id, gid) values (?, ?)
  on conflict (order_id) do update set copies = copies + 1`);

const queue = await openQueue({ file: queueFile, Database });
sayReady();
const { signal } = new AbortController();
await queue.consume<OrderPlaced>(topic, ({ body }) => void deliver.run(body.orderId, body.gid), {
  signal,
  concurrency: 4,
  visibilityMs: 700,
});
