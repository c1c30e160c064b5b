import type { Gid } from '@unanimous/proto';

/** Settings of one message. */
export interface PublishOptions {
  /** For the reader; `unanimous-gid` and `unanimous-position` are added. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Hides the message for a time after the commit; 0 unless told. */
  readonly delayMs?: number;
}

/** A message that was received: this reader's alone until the lease runs out. */
export interface QueueMessage<T = unknown> {
  /** `GID/BRANCH/INDEX`: stable, the key for whoever must not do something twice. */
  readonly id: string;
  readonly topic: string;
  readonly body: T;
  readonly headers: Readonly<Record<string, string>>;
  readonly gid: Gid;
  /** Order of the decisions in the coordinator's log. */
  readonly position: { readonly epoch: number; readonly seq: number; readonly index: number };
  /** Place in the queue: grows with each commit. */
  readonly sequence: number;
  /** How often it was received, this time included. */
  readonly deliveries: number;
  readonly committedAtMs: number;
  /** Proves that this reader holds it. */
  readonly lease: string;
}

/** A message that was given up. */
export interface DeadLetter<T = unknown> extends Omit<QueueMessage<T>, 'lease'> {
  /** Why. */
  readonly reason: string;
  readonly diedAtMs: number;
}

/** The columns that messages and dead letters share. */
export interface MessageRow {
  readonly sequence: number;
  readonly id: string;
  readonly topic: string;
  readonly body: string;
  readonly headers: string;
  readonly epoch: number;
  readonly seq: number;
  readonly committed_at_ms: number;
  readonly deliveries: number;
}

/** Their names, for a select. */
export const messageColumns =
  'sequence, id, topic, body, headers, epoch, seq, committed_at_ms, deliveries';

/** What a row says to a reader. */
export function readMessage<T>(row: MessageRow): Omit<QueueMessage<T>, 'lease'> {
  const [gid = '', , index] = row.id.split('/');
  const position = { epoch: row.epoch, seq: row.seq, index: Number(index) };
  const headers = {
    ...(JSON.parse(row.headers) as Record<string, string>),
    'unanimous-gid': gid,
    'unanimous-position': `${position.epoch}.${position.seq}.${position.index}`,
  };
  return {
    id: row.id,
    topic: row.topic,
    body: JSON.parse(row.body) as T,
    headers,
    gid: gid as Gid,
    position,
    sequence: row.sequence,
    deliveries: row.deliveries,
    committedAtMs: row.committed_at_ms,
  };
}
