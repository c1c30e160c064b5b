/** What one coordinator takes on. Over a limit a request is refused; nothing is dropped. */
export interface Limits {
  /** Deadline of a transaction whose client names none, in milliseconds. */
  readonly defaultTimeoutMs: number;
  /** Longest deadline, in milliseconds. */
  readonly maxTimeoutMs: number;
  /** Most undecided transactions; `begin` is refused above. */
  readonly maxOpen: number;
  /** Most branches of one transaction. */
  readonly maxBranches: number;
  /** Largest redo or work payload of one branch, in bytes. */
  readonly maxPayloadBytes: number;
  /** Decided but unapplied redo bytes of one resource manager, above which its enlist is refused. */
  readonly maxUnappliedBytes: number;
  /** How long an ended outcome stays answerable, in milliseconds. */
  readonly retainOutcomesMs: number;
  /** How many ended outcomes stay answerable at most. */
  readonly retainOutcomes: number;
}

/** Limits for one coordinator on a small machine. */
export const defaultLimits: Limits = {
  defaultTimeoutMs: 10_000,
  maxTimeoutMs: 3_600_000,
  maxOpen: 10_000,
  maxBranches: 64,
  maxPayloadBytes: 262_144,
  maxUnappliedBytes: 67_108_864,
  retainOutcomesMs: 900_000,
  retainOutcomes: 100_000,
};
