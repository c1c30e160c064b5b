import type { Alarm, Alarms } from '@unanimous/proto';
import type { Transaction } from './protocol/transaction.ts';
import type { Debt } from './resource-managers.ts';
import { Waiters } from './waiters.ts';

/** Who may commit and abort a transaction: the session that began it, or who shows the secret. */
export type Owner = { readonly session: number } | { readonly secret: string };

/** A transaction with what surrounds it. */
export interface Entry {
  state: Transaction;
  readonly name: string;
  readonly owner: Owner | undefined;
  readonly begunAtMs: number;
  readonly deadlineMs: number;
  /** While it is undecided, and not one that came whole. */
  deadline: Alarm | undefined;
  readonly waiters: Waiters;
  /** What resource managers owe of it, or owed until its end is durable. */
  debts: readonly Debt[];
  /** Operators' words that are with the log: nothing that hangs on one may be answered yet. */
  wordsAtLog: number;
}

export const noDebts: readonly Debt[] = [];

/** What the log brought back: nobody owns it, and its deadline is past. */
export function recoveredEntry(state: Transaction, alarms: Alarms): Entry {
  return {
    state,
    name: '',
    owner: undefined,
    begunAtMs: Number.NaN,
    deadlineMs: 0,
    deadline: undefined,
    waiters: new Waiters(alarms),
    debts: noDebts,
    wordsAtLog: 0,
  };
}
