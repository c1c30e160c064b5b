// Original file: unanimous/v1/coordinator.proto


/**
 * Aborts.
 */
export interface AbortRequest {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The secret of BeginReply.
   */
  'owner'?: (string);
  /**
   * Why, for operators.
   */
  'reason'?: (string);
}

/**
 * Aborts.
 */
export interface AbortRequest__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The secret of BeginReply.
   */
  'owner': (string);
  /**
   * Why, for operators.
   */
  'reason': (string);
}
