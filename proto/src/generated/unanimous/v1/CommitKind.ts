// Original file: unanimous/v1/session.proto

/**
 * What a CommitBranch asks for. All are idempotent.
 */
export const CommitKind = {
  /**
   * Unset: refused.
   */
  COMMIT_UNSPECIFIED: 'COMMIT_UNSPECIFIED',
  /**
   * Commit a prepared branch.
   */
  COMMIT_PREPARED: 'COMMIT_PREPARED',
  /**
   * Apply the redo payload of a logged branch.
   */
  APPLY: 'APPLY',
  /**
   * Permission to commit the only branch, which is ready but not prepared.
   */
  ONE_PHASE: 'ONE_PHASE',
  /**
   * Tell by the receipt what became of a branch that had the permission; commit nothing.
   */
  SETTLE: 'SETTLE',
} as const;

/**
 * What a CommitBranch asks for. All are idempotent.
 */
export type CommitKind =
  /**
   * Unset: refused.
   */
  | 'COMMIT_UNSPECIFIED'
  | 0
  /**
   * Commit a prepared branch.
   */
  | 'COMMIT_PREPARED'
  | 1
  /**
   * Apply the redo payload of a logged branch.
   */
  | 'APPLY'
  | 2
  /**
   * Permission to commit the only branch, which is ready but not prepared.
   */
  | 'ONE_PHASE'
  | 3
  /**
   * Tell by the receipt what became of a branch that had the permission; commit nothing.
   */
  | 'SETTLE'
  | 4

/**
 * What a CommitBranch asks for. All are idempotent.
 */
export type CommitKind__Output = typeof CommitKind[keyof typeof CommitKind]
