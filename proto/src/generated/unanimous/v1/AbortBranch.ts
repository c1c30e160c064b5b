// Original file: unanimous/v1/session.proto


/**
 * Phase two for a branch whose outcome is abort.
 */
export interface AbortBranch {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * Its resource manager.
   */
  'rm'?: (string);
  /**
   * The receipt of its yes vote; empty when it has not voted yes.
   */
  'receipt'?: (string);
  /**
   * Incarnation in which the branch was made; empty when it has not voted.
   */
  'incarnation'?: (string);
}

/**
 * Phase two for a branch whose outcome is abort.
 */
export interface AbortBranch__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * Its resource manager.
   */
  'rm': (string);
  /**
   * The receipt of its yes vote; empty when it has not voted yes.
   */
  'receipt': (string);
  /**
   * Incarnation in which the branch was made; empty when it has not voted.
   */
  'incarnation': (string);
}
