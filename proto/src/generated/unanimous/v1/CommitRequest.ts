// Original file: unanimous/v1/coordinator.proto


/**
 * Commits.
 */
export interface CommitRequest {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The secret of BeginReply.
   */
  'owner'?: (string);
  /**
   * How long to wait until all branches have applied the decision, in milliseconds; 0: decided is
   * enough.
   */
  'waitAppliedMs'?: (number);
}

/**
 * Commits.
 */
export interface CommitRequest__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The secret of BeginReply.
   */
  'owner': (string);
  /**
   * How long to wait until all branches have applied the decision, in milliseconds; 0: decided is
   * enough.
   */
  'waitAppliedMs': (number);
}
