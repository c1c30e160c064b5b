// Original file: unanimous/v1/session.proto

/**
 * The verdicts.
 */
export const VerdictKind = {
  /**
   * Unset: do nothing.
   */
  VERDICT_UNSPECIFIED: 'VERDICT_UNSPECIFIED',
  /**
   * The transaction committed: commit the branch.
   */
  VERDICT_COMMIT: 'VERDICT_COMMIT',
  /**
   * The transaction aborted, or was never decided and is not live: roll back.
   */
  VERDICT_ABORT: 'VERDICT_ABORT',
  /**
   * The transaction is live: do nothing, its decision will come.
   */
  VERDICT_WAIT: 'VERDICT_WAIT',
  /**
   * The resource manager went back in time and the log no longer knows: leave it to an operator.
   */
  VERDICT_HAZARD: 'VERDICT_HAZARD',
  /**
   * Another coordinator's gid: leave it alone.
   */
  VERDICT_FOREIGN: 'VERDICT_FOREIGN',
} as const;

/**
 * The verdicts.
 */
export type VerdictKind =
  /**
   * Unset: do nothing.
   */
  | 'VERDICT_UNSPECIFIED'
  | 0
  /**
   * The transaction committed: commit the branch.
   */
  | 'VERDICT_COMMIT'
  | 1
  /**
   * The transaction aborted, or was never decided and is not live: roll back.
   */
  | 'VERDICT_ABORT'
  | 2
  /**
   * The transaction is live: do nothing, its decision will come.
   */
  | 'VERDICT_WAIT'
  | 3
  /**
   * The resource manager went back in time and the log no longer knows: leave it to an operator.
   */
  | 'VERDICT_HAZARD'
  | 4
  /**
   * Another coordinator's gid: leave it alone.
   */
  | 'VERDICT_FOREIGN'
  | 5

/**
 * The verdicts.
 */
export type VerdictKind__Output = typeof VerdictKind[keyof typeof VerdictKind]
