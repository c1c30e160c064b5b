// Original file: unanimous/v1/session.proto


/**
 * The branch exists. No statement may run before this answer.
 */
export interface Enlisted {
  /**
   * The request's number.
   */
  'ref'?: (number);
  /**
   * Number of the branch within its transaction, from 1.
   */
  'branch'?: (number);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs'?: (number);
}

/**
 * The branch exists. No statement may run before this answer.
 */
export interface Enlisted__Output {
  /**
   * The request's number.
   */
  'ref': (number);
  /**
   * Number of the branch within its transaction, from 1.
   */
  'branch': (number);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs': (number);
}
