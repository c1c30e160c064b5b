import type { Transaction, TransactionOutcome } from '@unanimous/participant-sdk';

/** Where a transaction writes. */
export type Place = 'orders' | 'stock' | 'mail';

/** What happens while a transaction commits. */
export type CommitFault =
  | 'none'
  | 'no'
  | 'scanned'
  | 'cut'
  | 'restart'
  | 'by hand'
  | 'effect again';

/** What somebody heard of a transaction. */
export interface Heard {
  readonly outcome: TransactionOutcome['outcome'];
  /** Branches that did not follow, as it was told: `stock-db rolled-back`. */
  readonly heuristics: readonly string[];
  /** It was forgotten before. */
  readonly isForgotten: boolean;
}

/** A transaction as those who began it know it, and all that anybody heard of it. */
export interface ModelTransaction {
  readonly name: string;
  readonly transaction: Transaction;
  readonly service: number;
  readonly places: readonly Place[];
  /** Where somebody has read it before the commit. */
  readonly gid: string | undefined;
  isOver: boolean;
  /** Commit was asked for. */
  isAsked: boolean;
  /** A connection or the coordinator was lost while it was open, so that it may abort. */
  isFaulted: boolean;
  fault: CommitFault;
  /** One of its branches has voted no. */
  hasNo: boolean;
  /** Code of what commit was answered. */
  answer: string | undefined;
  /** Rows in the two databases when it was forgotten. */
  forgotten: string | undefined;
  readonly heard: Heard[];
  /** What both services hear when all is over. */
  atEnd: readonly Heard[];
  /** How often each database has its row. */
  rows: Readonly<Record<'orders' | 'stock', number>>;
  /** Ids with which its effect came. */
  effectIds: readonly string[];
}

/** All that anybody was told. */
export class SessionModel {
  readonly transactions: ModelTransaction[] = [];
  /** What was not decided, or not carried out, when all faults were over. */
  undecided: unknown;
  failure: unknown;

  get open(): ModelTransaction[] {
    return this.transactions.filter(({ isOver }) => !isOver);
  }

  get over(): ModelTransaction[] {
    return this.transactions.filter(({ isOver }) => isOver);
  }

  /** Notes a transaction that has begun and written. */
  begin(one: Pick<ModelTransaction, 'name' | 'transaction' | 'service' | 'places' | 'gid'>): void {
    this.transactions.push({
      ...one,
      isOver: false,
      isAsked: false,
      isFaulted: false,
      fault: 'none',
      hasNo: false,
      answer: undefined,
      forgotten: undefined,
      heard: [],
      atEnd: [],
      rows: { orders: 0, stock: 0 },
      effectIds: [],
    });
  }
}

/** What an answer says. */
export function heardFrom(
  one: ModelTransaction,
  { outcome, heuristics }: TransactionOutcome,
): Heard {
  return {
    outcome,
    heuristics: heuristics.map(({ rm, result }) => `${rm} ${result}`),
    isForgotten: one.forgotten !== undefined,
  };
}
