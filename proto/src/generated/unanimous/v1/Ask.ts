// Original file: unanimous/v1/session.proto


/**
 * Asks what became of a transaction; anybody may.
 */
export interface Ask {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * The transaction.
   */
  'gid'?: (string);
}

/**
 * Asks what became of a transaction; anybody may.
 */
export interface Ask__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * The transaction.
   */
  'gid': (string);
}
