// Original file: unanimous/v1/session.proto

/**
 * Results of phase two.
 */
export const Result = {
  /**
   * Unset: refused.
   */
  RESULT_UNSPECIFIED: 'RESULT_UNSPECIFIED',
  /**
   * Committed or applied, durably; now or before.
   */
  COMMITTED: 'COMMITTED',
  /**
   * Rolled back, durably; now or before.
   */
  ROLLED_BACK: 'ROLLED_BACK',
  /**
   * Nothing can tell: no branch and no receipt that answers. A hazard, reported and kept.
   */
  UNKNOWN_RESULT: 'UNKNOWN_RESULT',
  /**
   * Not yet: the participant goes on trying. Told so that operators see the cause.
   */
  PENDING: 'PENDING',
} as const;

/**
 * Results of phase two.
 */
export type Result =
  /**
   * Unset: refused.
   */
  | 'RESULT_UNSPECIFIED'
  | 0
  /**
   * Committed or applied, durably; now or before.
   */
  | 'COMMITTED'
  | 1
  /**
   * Rolled back, durably; now or before.
   */
  | 'ROLLED_BACK'
  | 2
  /**
   * Nothing can tell: no branch and no receipt that answers. A hazard, reported and kept.
   */
  | 'UNKNOWN_RESULT'
  | 3
  /**
   * Not yet: the participant goes on trying. Told so that operators see the cause.
   */
  | 'PENDING'
  | 4

/**
 * Results of phase two.
 */
export type Result__Output = typeof Result[keyof typeof Result]
