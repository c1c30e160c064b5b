import type { LogId } from '@unanimous/proto/vocabulary';
import type { LogRecord } from '../protocol/record.ts';

/** A place in the log that can be compared with the log itself (PROTOCOL rule 17). */
export interface LogPosition {
  readonly logId: LogId;
  readonly epoch: number;
  /** Random number of the epoch, hexadecimal. */
  readonly nonce: string;
  /** Number of the record; grows by one, over all epochs. */
  readonly seq: number;
  /** Chain hash of the record, 32 hexadecimal digits; empty when not known. */
  readonly chain: string;
}

/** Who holds the log; for people. */
export interface Holder {
  readonly name: string;
  readonly address: string;
}

/** A record with its place. A record that compaction moved keeps the place where it was decided. */
export interface LogEntry {
  readonly epoch: number;
  readonly seq: number;
  readonly record: LogRecord;
}

/** One incarnation of a coordinator on its log. */
export interface Incarnation {
  readonly logId: LogId;
  readonly epoch: number;
  readonly nonce: string;
}

/**
 * Where decisions become durable. One holder writes; each append is a compare-and-swap on the tail
 * (epoch and seq), which fences, orders, and makes a retry land at most once.
 *
 * Every method rejects with UnanimousError. After a rejected `append`, or `onFailure`, nothing is
 * known of the records in flight: the coordinator answers `unknown` and stops.
 */
export interface DecisionLog {
  /**
   * Opens and checks the whole log.
   * @throws `log-locked`, `log-newer`, `log-damaged` (what is missing is named, the files are
   * copied aside first), `log-failed`.
   */
  open(): Promise<{ readonly logId: LogId }>;
  /** Hands over all entries in order; a replicated engine goes on with live ones. */
  follow(onEntries: (entries: readonly LogEntry[]) => void): Promise<void>;
  /** Starts a new epoch, durably. From here on no append of an older epoch can land. */
  becomeActive(holder: Holder): Promise<Incarnation>;
  /** Appends all or none, durably; resolves with the first record's seq. Calls share one fsync. */
  append(records: readonly LogRecord[]): Promise<{ readonly seq: number }>;
  /** Appends without waiting: rides with the next append, or goes by itself within 50 ms. */
  appendLazily(records: readonly LogRecord[]): void;
  /** Highest durable position; never ahead of the disk. */
  tip(): LogPosition;
  /** Whether the log holds exactly this position. False: the log was restored or replaced. */
  holds(position: LogPosition): Promise<boolean>;
  /** Drops what is ended and forgotten, moving the rest forward. May be called at any time. */
  compact(): Promise<void>;
  /** Called once when the log fails outside of an append. */
  onFailure(listener: (error: Error) => void): void;
  /** Writes what is lazy, and lets the files go. Idempotent. */
  close(): Promise<void>;
}
