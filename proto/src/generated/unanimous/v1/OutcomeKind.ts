// Original file: unanimous/v1/session.proto

/**
 * Outcomes of a transaction.
 */
export const OutcomeKind = {
  /**
   * Unset.
   */
  OUTCOME_UNSPECIFIED: 'OUTCOME_UNSPECIFIED',
  /**
   * Decided: commit.
   */
  OUTCOME_COMMITTED: 'OUTCOME_COMMITTED',
  /**
   * Decided: abort; or never decided and no longer live.
   */
  OUTCOME_ABORTED: 'OUTCOME_ABORTED',
  /**
   * Not decided yet, or this coordinator cannot tell now. Ask again.
   */
  OUTCOME_UNKNOWN: 'OUTCOME_UNKNOWN',
  /**
   * Ended so long ago that the log has forgotten it. Never a synonym of aborted.
   */
  OUTCOME_EXPIRED: 'OUTCOME_EXPIRED',
} as const;

/**
 * Outcomes of a transaction.
 */
export type OutcomeKind =
  /**
   * Unset.
   */
  | 'OUTCOME_UNSPECIFIED'
  | 0
  /**
   * Decided: commit.
   */
  | 'OUTCOME_COMMITTED'
  | 1
  /**
   * Decided: abort; or never decided and no longer live.
   */
  | 'OUTCOME_ABORTED'
  | 2
  /**
   * Not decided yet, or this coordinator cannot tell now. Ask again.
   */
  | 'OUTCOME_UNKNOWN'
  | 3
  /**
   * Ended so long ago that the log has forgotten it. Never a synonym of aborted.
   */
  | 'OUTCOME_EXPIRED'
  | 4

/**
 * Outcomes of a transaction.
 */
export type OutcomeKind__Output = typeof OutcomeKind[keyof typeof OutcomeKind]
