// Original file: unanimous/v1/session.proto


/**
 * A prepared branch that a scan found in the resource manager.
 */
export interface InDoubt {
  /**
   * The transaction, as its id says.
   */
  'gid'?: (string);
  /**
   * The branch, as its id says.
   */
  'branch'?: (number);
  /**
   * The resource manager.
   */
  'rm'?: (string);
  /**
   * Incarnation in which it was made, as its id says.
   */
  'incarnation'?: (string);
}

/**
 * A prepared branch that a scan found in the resource manager.
 */
export interface InDoubt__Output {
  /**
   * The transaction, as its id says.
   */
  'gid': (string);
  /**
   * The branch, as its id says.
   */
  'branch': (number);
  /**
   * The resource manager.
   */
  'rm': (string);
  /**
   * Incarnation in which it was made, as its id says.
   */
  'incarnation': (string);
}
