// Original file: unanimous/v1/session.proto


/**
 * The transaction exists.
 */
export interface Begun {
  /**
   * The request's number.
   */
  'ref'?: (number);
  /**
   * Its global transaction id: LOGID-EPOCH-COUNTER.
   */
  'gid'?: (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs'?: (number);
}

/**
 * The transaction exists.
 */
export interface Begun__Output {
  /**
   * The request's number.
   */
  'ref': (number);
  /**
   * Its global transaction id: LOGID-EPOCH-COUNTER.
   */
  'gid': (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs': (number);
}
