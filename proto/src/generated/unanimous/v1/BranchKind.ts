// Original file: unanimous/v1/session.proto

/**
 * How a resource manager takes part.
 */
export const BranchKind = {
  /**
   * Unset: refused.
   */
  BRANCH_KIND_UNSPECIFIED: 'BRANCH_KIND_UNSPECIFIED',
  /**
   * The resource manager can prepare by itself (Postgres, a SQLite queue).
   */
  NATIVE: 'NATIVE',
  /**
   * The coordinator's log keeps the redo payload (a broker, a cache, a service).
   */
  LOGGED: 'LOGGED',
  /**
   * It can't prepare: it is asked when all others have voted yes, as in one phase, and its answer
   * decides. At most one in a transaction.
   */
  LAST: 'LAST',
} as const;

/**
 * How a resource manager takes part.
 */
export type BranchKind =
  /**
   * Unset: refused.
   */
  | 'BRANCH_KIND_UNSPECIFIED'
  | 0
  /**
   * The resource manager can prepare by itself (Postgres, a SQLite queue).
   */
  | 'NATIVE'
  | 1
  /**
   * The coordinator's log keeps the redo payload (a broker, a cache, a service).
   */
  | 'LOGGED'
  | 2
  /**
   * It can't prepare: it is asked when all others have voted yes, as in one phase, and its answer
   * decides. At most one in a transaction.
   */
  | 'LAST'
  | 3

/**
 * How a resource manager takes part.
 */
export type BranchKind__Output = typeof BranchKind[keyof typeof BranchKind]
