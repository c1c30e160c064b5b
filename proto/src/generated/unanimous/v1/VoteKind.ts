// Original file: unanimous/v1/session.proto

/**
 * The votes.
 */
export const VoteKind = {
  /**
   * Unset: refused.
   */
  VOTE_UNSPECIFIED: 'VOTE_UNSPECIFIED',
  /**
   * Prepared: can commit and can roll back, whatever fails.
   */
  YES: 'YES',
  /**
   * Rolled back, or about to be.
   */
  NO: 'NO',
  /**
   * Wrote nothing and has ended: leaves the transaction.
   */
  READ_ONLY: 'READ_ONLY',
  /**
   * Answer to one_phase: not prepared, its receipt is known, waits for the permission to commit.
   */
  READY: 'READY',
} as const;

/**
 * The votes.
 */
export type VoteKind =
  /**
   * Unset: refused.
   */
  | 'VOTE_UNSPECIFIED'
  | 0
  /**
   * Prepared: can commit and can roll back, whatever fails.
   */
  | 'YES'
  | 1
  /**
   * Rolled back, or about to be.
   */
  | 'NO'
  | 2
  /**
   * Wrote nothing and has ended: leaves the transaction.
   */
  | 'READ_ONLY'
  | 3
  /**
   * Answer to one_phase: not prepared, its receipt is known, waits for the permission to commit.
   */
  | 'READY'
  | 4

/**
 * The votes.
 */
export type VoteKind__Output = typeof VoteKind[keyof typeof VoteKind]
