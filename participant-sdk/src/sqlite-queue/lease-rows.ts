import { type MessageRow, messageColumns } from './message.ts';
import type { Sql } from './sqlite-database.ts';

/** What a reader asks for. */
export interface LeaseRequest {
  readonly topic: string;
  readonly max: number;
  readonly visibilityMs: number;
  readonly maxDeliveries: number;
  readonly lease: string;
}

/** Names a message that somebody holds. */
export interface Held {
  readonly sequence: number;
  readonly lease: string;
}

/** How far a wall clock may step back before leases taken in its future are given up. */
const clockStepMs = 1_000;

/** When the topic has something to read: now (0), at a time, or not before a new commit. */
export function readableAtMs(sql: Sql, topic: string, nowMs: number): number | undefined {
  const where = 'select 1 from unanimous_messages where topic = ?';
  if (sql.get(`${where} and available_at_ms is null limit 1`, topic)) return 0;
  if (sql.get(`${where} and leased_at_ms > ? limit 1`, topic, nowMs + clockStepMs)) return 0;
  const next = sql.get(
    `select min(available_at_ms) as at from unanimous_messages
     where topic = ? and available_at_ms is not null`,
    topic,
  ) as { readonly at: number | null };
  return next.at ?? undefined;
}

/**
 * Gives the oldest ready messages to a reader. Delays and leases that ran out end here; messages
 * that were delivered too often die here.
 */
export function leaseMessages(sql: Sql, request: LeaseRequest, nowMs: number): MessageRow[] {
  const { topic, max, visibilityMs, maxDeliveries, lease } = request;
  const wornOut = 'topic = ? and available_at_ms <= ? and lease is not null and deliveries >= ?';
  bury(sql, wornOut, [topic, nowMs, maxDeliveries], nowMs);
  endWaits(sql, topic, nowMs);
  return sql
    .all<MessageRow>(
      `update unanimous_messages
       set available_at_ms = ?, leased_at_ms = ?, lease = ?, deliveries = deliveries + 1
       where sequence in (select sequence from unanimous_messages
         where topic = ? and available_at_ms is null order by sequence limit ?)
       returning ${messageColumns}`,
      nowMs + visibilityMs,
      nowMs,
      lease,
      topic,
      max,
    )
    .toSorted((a, b) => a.sequence - b.sequence); // RETURNING promises no order
}

/** Deletes a message that its reader is done with; false when the lease is lost. */
export function acknowledge(sql: Sql, held: Held, topic: string, nowMs: number): boolean {
  const isHeld = 'sequence = ? and lease = ? and available_at_ms > ?';
  const deleted = sql.run(
    `delete from unanimous_messages where ${isHeld}`,
    held.sequence,
    held.lease,
    nowMs,
  );
  if (deleted === 0) return false;
  sql.run('update unanimous_topics set acknowledged = acknowledged + 1 where topic = ?', topic);
  return true;
}

/** Moves the end of a lease; false when it is lost. */
export function extendLease(sql: Sql, held: Held, visibilityMs: number, nowMs: number): boolean {
  return (
    sql.run(
      `update unanimous_messages set available_at_ms = ?, leased_at_ms = ?
       where sequence = ? and lease = ? and available_at_ms > ?`,
      nowMs + visibilityMs,
      nowMs,
      held.sequence,
      held.lease,
      nowMs,
    ) === 1
  );
}

/** What a release leaves behind. */
export interface Release {
  readonly delayMs: number;
  /** Why the message was not done; kept with it. */
  readonly error: string | undefined;
  /** Deliveries from which on it dies instead. */
  readonly maxDeliveries: number;
}

/** Gives a message back, to be delivered again after a delay; false when the lease is lost. */
export function releaseMessage(sql: Sql, held: Held, release: Release, nowMs: number): boolean {
  const { delayMs, error, maxDeliveries } = release;
  const released = sql.run(
    `update unanimous_messages
     set available_at_ms = ?, leased_at_ms = null, lease = null, last_error = coalesce(?, last_error)
     where sequence = ? and lease = ? and available_at_ms > ?`,
    delayMs > 0 ? nowMs + delayMs : null,
    error ?? null,
    held.sequence,
    held.lease,
    nowMs,
  );
  if (released === 0) return false;
  bury(sql, 'sequence = ? and deliveries >= ?', [held.sequence, maxDeliveries], nowMs);
  return true;
}

/** Gives a message up at once; false when the lease is lost. */
export function buryMessage(sql: Sql, held: Held, why: string, nowMs: number): boolean {
  const released = releaseMessage(
    sql,
    held,
    { delayMs: 0, error: why, maxDeliveries: Number.MAX_SAFE_INTEGER },
    nowMs,
  );
  if (released) bury(sql, 'sequence = ?', [held.sequence], nowMs);
  return released;
}

function endWaits(sql: Sql, topic: string, nowMs: number): void {
  const ready = 'set available_at_ms = null, leased_at_ms = null, lease = null';
  sql.run(
    `update unanimous_messages ${ready} where topic = ? and available_at_ms <= ?`,
    topic,
    nowMs,
  );
  // A lease from the future: the clock was set back. Its holder is fenced by the lost token.
  sql.run(
    `update unanimous_messages ${ready} where topic = ? and leased_at_ms > ?`,
    topic,
    nowMs + clockStepMs,
  );
}

function bury(sql: Sql, where: string, parameters: readonly unknown[], nowMs: number): void {
  const buried = sql.run(
    `insert into unanimous_dead_letters (${messageColumns}, reason, died_at_ms)
     select ${messageColumns},
       coalesce(last_error, 'delivered ' || deliveries || ' times, never acknowledged'), ?
     from unanimous_messages where ${where}`,
    nowMs,
    ...parameters,
  );
  if (buried > 0) sql.run(`delete from unanimous_messages where ${where}`, ...parameters);
}
