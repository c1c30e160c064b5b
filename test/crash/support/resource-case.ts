import type { TransactionClient } from '@unanimous/participant-sdk';
import type { InReverse } from '../../../examples/support/in-reverse.ts';
import type { TempDir } from '../../support/temp-dir.ts';

/** One of the things that transaction `n` writes. */
export interface Effect {
  readonly n: number;
  readonly part: number;
  readonly gid: string;
}

/** An effect as somebody reads it who knows nothing of us. */
export interface Found extends Effect {
  /** By which a reader knows a repeat. */
  readonly id?: string;
  /** The place that transactions overwrite in turn, where it is such a place. */
  readonly key?: string;
}

/** What docs/resources.md promises of a resource. */
export interface Promised {
  /** How many things a transaction writes to it. */
  readonly parts: number;
  readonly repeats: 'none' | 'known by id';
  /** `within` a transaction as written, or also between transactions as they `commit`. */
  readonly order: 'none' | 'within' | 'commits';
  /** What stays in a place that several have overwritten: the `last`, or the highest `n`. */
  readonly stays?: 'last' | 'highest';
}

/** A resource's server while it is killed and started again, and those who read it. */
export interface Target<Settings> {
  /** What the participant needs to know, as JSON. */
  readonly settings: Settings;
  /** None where the resource lives in its participants' processes. */
  readonly server?: { kill9(): Promise<void>; restart(): Promise<void> };
  /** All that it holds, in its own order, by its own client. */
  read(): Promise<readonly Found[]>;
  /** What it keeps for a transaction that is not over, by its own client. */
  prepared?(): Promise<readonly string[]>;
}

/** What is hit, what is written to it, and how it is read: one for each resource. */
export interface ResourceCase<Settings = unknown> {
  /** As docs/resources.md names it. */
  readonly title: string;
  /** Where the participant's process finds this description. */
  readonly module: string;
  /** The program by which it is read. */
  readonly reader: string;
  readonly promised: Promised;
  /** Whether all that it needs is installed. */
  isPresent(): boolean;
  /** Starts the server; what it takes to end it goes into `parts`. */
  start(parts: InReverse, dir: TempDir): Promise<Target<Settings>>;
  /** In the participant's process: serves it, and answers how an effect is written. */
  serve(
    tm: TransactionClient,
    rm: string,
    settings: Settings,
  ): Promise<(effect: Effect) => Promise<unknown>>;
}

/** The place that a transaction shares with others. */
export function sharedKey(n: number): string {
  return `shared-${n % 7}`;
}
