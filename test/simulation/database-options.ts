import type { SimClock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import type { Marks } from './marks.ts';
import type { Rates } from './plan.ts';
import type { Random } from './random.ts';
import type { SimProcess } from './sim-process.ts';

/** What a database needs. */
export interface DatabaseOptions {
  readonly rm: string;
  readonly clock: SimClock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly marks: Marks;
  readonly rates: () => Rates;
  /** Longest usual time of a statement. */
  readonly rmMs: number;
  /** A process has found committed what it was to abort: the moment to lose its answer. */
  readonly onFound: (by: SimProcess) => void;
  readonly tell?: (sentence: string) => void;
}
