import type { BranchId } from '@unanimous/proto';
import type { SimProcess } from './sim-process.ts';

/** One transaction in the database. */
export interface Row {
  readonly id: BranchId;
  readonly key: string;
  readonly xid: number;
  readonly owner: SimProcess;
  readonly rows: number[];
  state: 'open' | 'prepared' | 'committed' | 'rolled-back';
  /** Processes that wanted to abort it, and found it committed. */
  finders: Set<SimProcess> | undefined;
  /** Statements on their way that may still land. */
  inFlight: number;
  /** Its connection is gone. */
  isLeft: boolean;
  /** The database has forgotten what became of it. */
  isForgotten: boolean;
}
