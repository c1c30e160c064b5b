// Original file: unanimous/v1/session.proto


/**
 * Adds a branch: this session's part of the transaction in one resource manager.
 */
export interface Enlist {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The resource manager; this session must serve it.
   */
  'rm'?: (string);
  /**
   * True when the branch can commit in one phase, behind a receipt.
   */
  'canOnePhase'?: (boolean);
}

/**
 * Adds a branch: this session's part of the transaction in one resource manager.
 */
export interface Enlist__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The resource manager; this session must serve it.
   */
  'rm': (string);
  /**
   * True when the branch can commit in one phase, behind a receipt.
   */
  'canOnePhase': (boolean);
}
