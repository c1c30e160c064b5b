import { type ErrorCode, type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import type { Holder, Incarnation, LogPosition } from '../decision-log.ts';
import type { PlannedCrash } from './crash-points.ts';
import type { PackedLines } from './pending-record.ts';

/** What the worker is started with. */
export interface WorkerSettings {
  readonly dir: string;
  readonly acceptTipLoss: boolean;
  readonly mirror: string | undefined;
  readonly dropMirror: boolean;
  /** For tests. */
  readonly crash: PlannedCrash | undefined;
}

/** What is asked of the worker, one answer each. */
export interface Requests {
  open: {
    readonly ask: undefined;
    readonly answer: {
      readonly logId: LogId;
      readonly tip: LogPosition;
      readonly repairs: readonly string[];
    };
  };
  /** Answered when all `followed` have been sent. */
  follow: { readonly ask: undefined; readonly answer: undefined };
  becomeActive: {
    readonly ask: Holder;
    readonly answer: { readonly incarnation: Incarnation; readonly tip: WireTip };
  };
  holds: { readonly ask: LogPosition; readonly answer: boolean };
  compact: { readonly ask: undefined; readonly answer: WireTip };
  close: { readonly ask: undefined; readonly answer: undefined };
}

/** End of the log after a write. */
export interface WireTip {
  readonly seq: number;
  readonly chain: string;
}

/** A message to the worker. Appends are answered in their order, in groups. */
export type ToWorker =
  | ({ readonly type: 'append' } & PackedLines)
  | { readonly [W in keyof Requests]: Request<W> }[keyof Requests];

interface Request<W extends keyof Requests> {
  readonly type: W;
  readonly id: number;
  readonly ask: Requests[W]['ask'];
}

/** Records with the places where they were first written. */
export interface Followed extends PackedLines {
  /** Of each record its epoch and its seq. */
  readonly places: Float64Array;
}

/** A message from the worker. */
export type FromWorker =
  /** The oldest `messageCount` append messages are durable, the first record of them at `seq`. */
  | {
      readonly type: 'appended';
      readonly messageCount: number;
      readonly seq: number;
      readonly tip: WireTip;
    }
  /** Some of the records that `follow` asks for, in their order; see `Followed`. */
  | ({ readonly type: 'followed' } & Followed)
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly error: WireError }
  /** The log has failed for good: whatever is not answered never will be. */
  | { readonly type: 'failed'; readonly error: WireError };

/** An error as it travels between threads. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** Makes an error ready to travel; one of SQLite or the file system becomes `log-failed`. */
export function toWireError(error: unknown, dir: string): WireError {
  if (error instanceof UnanimousError) {
    const { code, message, hint } = error;
    return { code, message, hint };
  }
  const { code = '', message } = error as { code?: string; message: string };
  const cause = message.includes(code) ? message : `${code} ${message}`;
  return toWireError(new UnanimousError('log-failed', `the log in ${dir} failed: ${cause}`), dir);
}

/** The error that travelled. */
export function fromWireError({ code, message, hint }: WireError): UnanimousError {
  return new UnanimousError(code, message, { hint });
}
