// Original file: unanimous/v1/session.proto


/**
 * Commits a transaction that this session began.
 */
export interface Commit {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * How long the answer may wait until all branches have applied the decision, in milliseconds;
   * 0: answer when decided.
   */
  'waitAppliedMs'?: (number);
}

/**
 * Commits a transaction that this session began.
 */
export interface Commit__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * How long the answer may wait until all branches have applied the decision, in milliseconds;
   * 0: answer when decided.
   */
  'waitAppliedMs': (number);
}
