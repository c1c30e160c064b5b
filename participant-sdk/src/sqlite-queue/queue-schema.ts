import { randomBytes } from 'node:crypto';
import { isIncarnation, UnanimousError } from '@unanimous/proto';
import type { Sql } from './sqlite-database.ts';

const version = 1;

/** What a file says of itself. */
export interface QueueFileIdentity {
  /** Random, made with the file; a copy has the same. */
  readonly id: string;
  /** Raised by hand when the file was restored from a backup. */
  readonly incarnation: string;
}

/**
 * The tables. Times are milliseconds since 1970. A message is ready when `available_at_ms` is null;
 * else it waits until then: delayed, or leased when `lease` is set.
 */
const tables = [
  `create table if not exists unanimous_queue (
     key text primary key, value text not null
   ) strict, without rowid`,
  `create table if not exists unanimous_branches (
     branch text primary key,
     state text not null check (state in ('prepared', 'committed', 'rolled-back')),
     messages integer not null,
     log_id text not null,
     decided_seq integer,
     changed_at_ms integer not null
   ) strict, without rowid`,
  `create index if not exists unanimous_branches_by_state
     on unanimous_branches (state, changed_at_ms)`,
  `create table if not exists unanimous_prepared (
     branch text not null,
     position integer not null,
     topic text not null,
     body text not null,
     headers text not null,
     delay_ms integer not null,
     primary key (branch, position)
   ) strict, without rowid`,
  `create table if not exists unanimous_messages (
     sequence integer primary key autoincrement,
     id text not null unique,
     topic text not null,
     body text not null,
     headers text not null,
     epoch integer not null,
     seq integer not null,
     committed_at_ms integer not null,
     deliveries integer not null default 0,
     available_at_ms integer,
     leased_at_ms integer,
     lease text,
     last_error text
   ) strict`,
  `create index if not exists unanimous_messages_ready
     on unanimous_messages (topic, sequence) where available_at_ms is null`,
  `create index if not exists unanimous_messages_waiting
     on unanimous_messages (topic, available_at_ms) where available_at_ms is not null`,
  `create index if not exists unanimous_messages_leased
     on unanimous_messages (topic, leased_at_ms) where leased_at_ms is not null`,
  `create table if not exists unanimous_dead_letters (
     sequence integer primary key,
     id text not null unique,
     topic text not null,
     body text not null,
     headers text not null,
     epoch integer not null,
     seq integer not null,
     committed_at_ms integer not null,
     deliveries integer not null,
     reason text not null,
     died_at_ms integer not null
   ) strict`,
  `create index if not exists unanimous_dead_letters_by_topic
     on unanimous_dead_letters (topic, sequence)`,
  `create table if not exists unanimous_topics (
     topic text primary key,
     published integer not null default 0,
     acknowledged integer not null default 0
   ) strict, without rowid`,
  `create table if not exists unanimous_positions (
     log_id text primary key,
     epoch integer not null,
     nonce text not null,
     seq integer not null,
     chain text not null
   ) strict, without rowid`,
];

/** True when the file has the tables. */
export function hasSchema(sql: Sql): boolean {
  const table = `select 1 from sqlite_schema where type = 'table' and name = 'unanimous_queue'`;
  return sql.get(table) !== undefined;
}

/** Makes the tables and the file's identity where they are missing. Within a transaction. */
export function createSchema(sql: Sql): void {
  for (const table of tables) sql.run(table);
  const insert = 'insert or ignore into unanimous_queue (key, value) values (?, ?)';
  sql.run(insert, 'version', String(version));
  sql.run(insert, 'id', randomBytes(8).toString('hex'));
  sql.run(insert, 'incarnation', '1');
}

/**
 * Reads the file's identity.
 * @throws UnanimousError when a newer version made the file, or its identity is not whole.
 */
export function readIdentity(sql: Sql, file: string): QueueFileIdentity {
  const rows = sql.all<{ key: string; value: string }>('select key, value from unanimous_queue');
  const values = new Map(rows.map(({ key, value }) => [key, value]));
  const found = Number(values.get('version'));
  if (found > version) {
    const message = `${file} has queue schema ${found}; this version knows ${version}`;
    throw new UnanimousError('rm-unavailable', message, {
      hint: 'Upgrade @unanimous/participant-sdk in this process.',
      retryable: false,
    });
  }
  const id = values.get('id');
  const incarnation = values.get('incarnation') ?? '';
  if (!id || !isIncarnation(incarnation)) {
    throw new UnanimousError('rm-unavailable', `${file}: unanimous_queue lacks id or incarnation`, {
      hint: 'Restore the file from a backup.',
      retryable: false,
    });
  }
  return { id, incarnation };
}
