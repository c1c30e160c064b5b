import type { TransactionRecord } from '../../coordinator/src/protocol/transaction.ts';
import { Interner, Memo } from './canonical.ts';

/** Records of one append, which land together or not at all. */
export interface Batch {
  readonly tx: number;
  /** Empty: the mark below which the transaction is forgotten. */
  readonly records: readonly TransactionRecord[];
  readonly forced: boolean;
  /** Only where a restored log must be told from the first one. */
  readonly epoch: number;
}

/** A log on a disk: a durable beginning, and a tail of which a crash keeps any beginning. */
interface LogState {
  readonly batches: readonly number[];
  readonly durable: number;
  /** From here on somebody waits for the forced ones. */
  readonly from: number;
}

/** All states of the log that were met, by number; number 0 is the empty log. */
export class LogCell {
  readonly batches = new Interner<Batch>({ tx: -1, records: [], forced: false, epoch: 0 });
  readonly #states = new Interner<LogState>({ batches: [], durable: 0, from: 0 });
  readonly #appended = new Memo((log, batch: number) => {
    const state = this.#states.value(log);
    return this.#id({ ...state, batches: [...state.batches, batch] });
  });
  /** Without rule 18 what a restart reads need not be on the disk. */
  readonly #trustsWhatItReads: boolean;

  constructor(trustsWhatItReads: boolean) {
    this.#trustsWhatItReads = trustsWhatItReads;
  }

  append(log: number, batch: number): number {
    return this.#appended.get(log, batch);
  }

  length(log: number): number {
    return this.#states.value(log).batches.length;
  }

  /** How many appends a crash may lose. */
  tail(log: number): number {
    const { batches, durable } = this.#states.value(log);
    return batches.length - durable;
  }

  /** Index of the oldest append for whose durability somebody waits, or -1. */
  unanswered(log: number): number {
    const { batches, durable, from } = this.#states.value(log);
    for (let i = Math.max(durable, from); i < batches.length; i += 1) {
      if (this.batches.value(batches[i] as number).forced) return i;
    }
    return -1;
  }

  batchAt(log: number, index: number): Batch {
    return this.batches.value(this.#states.value(log).batches[index] as number);
  }

  /** Everything up to `index` is on the disk. */
  answer(log: number, index: number): number {
    return this.#id({ ...this.#states.value(log), durable: index + 1 });
  }

  /** A crash: of what was not certainly on the disk, `landed` appends are, the rest is lost. */
  crash(log: number, landed: number): number {
    const { batches, durable } = this.#states.value(log);
    const left = batches.slice(0, durable + landed);
    const isOnDisk = this.#trustsWhatItReads ? durable : left.length;
    return this.#id({ batches: left, durable: isOnDisk, from: left.length });
  }

  /** What a backup holds that was taken after `kept` appends. */
  restore(log: number, kept: number): number {
    const batches = this.#states.value(log).batches.slice(0, kept);
    return this.#id({ batches, durable: kept, from: kept });
  }

  /** Without the records of a transaction, which are needed no more. */
  compact(log: number, tx: number): number {
    const { batches, durable, from } = this.#states.value(log);
    const isKept = (id: number) => {
      const batch = this.batches.value(id);
      return batch.tx !== tx || batch.records.length === 0;
    };
    const keptOf = (ids: readonly number[]) => ids.filter(isKept).length;
    return this.#id({
      batches: batches.filter(isKept),
      durable: keptOf(batches.slice(0, durable)),
      from: keptOf(batches.slice(0, from)),
    });
  }

  #id(state: LogState): number {
    return this.#states.id(state.from > state.durable ? state : { ...state, from: 0 });
  }

  /** Whether it begins as the other does up to its end. */
  holds(log: number, seen: number): boolean {
    const { batches } = this.#states.value(log);
    return this.#states.value(seen).batches.every((batch, i) => batches[i] === batch);
  }

  /** All appends, or only those that are certainly on the disk. */
  entries(log: number, which: 'all' | 'durable'): readonly Batch[] {
    const { batches, durable } = this.#states.value(log);
    const read = which === 'all' ? batches : batches.slice(0, durable);
    return read.map((id) => this.batches.value(id));
  }
}
