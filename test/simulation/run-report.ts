import type { Marks } from './marks.ts';

/** What a run has come to. */
export interface RunReport {
  readonly transactions: number;
  readonly committed: number;
  readonly crashes: number;
  readonly faults: number;
  readonly turns: number;
  readonly simulatedMs: number;
  readonly states: ReadonlySet<string>;
  readonly marks: Marks;
  readonly violations: readonly string[];
  readonly story: readonly string[];
}
