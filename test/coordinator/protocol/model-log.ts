import type {
  Place,
  Transaction,
  TransactionEvent,
  TransactionRecord,
} from '../../../coordinator/src/protocol/transaction.ts';
import type { Core } from './core.ts';

/** Records of one step, which land together or not at all. */
export interface Batch {
  readonly records: readonly TransactionRecord[];
  readonly forced: boolean;
  readonly at: Place;
}

/** A log on a disk: a durable beginning, and a tail of which a crash keeps any beginning. */
export class ModelLog {
  batches: readonly Batch[] = [];
  /** How many batches are certainly on the disk. */
  durable = 0;
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Hands records over; they are not durable yet. */
  append(records: readonly TransactionRecord[], epoch: number): Batch {
    const forced = records.some((record) => this.#core.durability[record.kind] === 'forced');
    const batch: Batch = { records, forced, at: { epoch, seq: this.batches.length + 1 } };
    this.batches = [...this.batches, batch];
    return batch;
  }

  /** The oldest batch for whose durability the coordinator waits. */
  get unanswered(): Batch | undefined {
    return this.batches.slice(this.durable).find((batch) => batch.forced);
  }

  /** Makes the oldest forced batch durable, and all before it. */
  answer(): Batch {
    const batch = this.unanswered;
    if (batch === undefined) throw new Error('the log was not asked for anything');
    this.durable = this.batches.indexOf(batch) + 1;
    return batch;
  }

  /** Makes everything durable. */
  flush(): void {
    this.durable = this.batches.length;
  }

  /** A crash: of what was not certainly on the disk, `landed` batches are, the rest is lost. */
  crash(landed: number): void {
    this.batches = this.batches.slice(0, this.durable + landed);
    this.durable = this.batches.length;
  }

  /** The records that are certainly on the disk. */
  get durableRecords(): readonly TransactionRecord[] {
    return this.batches.slice(0, this.durable).flatMap((batch) => batch.records);
  }
}

/** The state that a log gives back, as recovery does it: what it holds is durable. */
export function replay(core: Core, batches: readonly Batch[]): Transaction | undefined {
  let state: Transaction | undefined;
  for (const { records, at } of batches) {
    for (const record of records) {
      state = core.evolve(state, record);
      if (isDecision(record)) state = core.evolve(state, { kind: 'recorded', at });
    }
  }
  return state;
}

/** True for the records whose durability the coordinator waits for before it goes on. */
export function isDecision(event: TransactionEvent): boolean {
  return ['commit-decided', 'delegated', 'last-asked'].includes(event.kind);
}

/** True for the events that are records. */
export function isRecord(core: Core, event: TransactionEvent): event is TransactionRecord {
  return Object.hasOwn(core.durability, event.kind);
}
