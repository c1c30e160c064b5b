// Original file: unanimous/v1/session.proto


/**
 * The resource manager is served; unacknowledged commits of it follow.
 */
export interface Served {
  /**
   * The request's number.
   */
  'ref'?: (number);
  /**
   * Name of the resource manager.
   */
  'rm'?: (string);
}

/**
 * The resource manager is served; unacknowledged commits of it follow.
 */
export interface Served__Output {
  /**
   * The request's number.
   */
  'ref': (number);
  /**
   * Name of the resource manager.
   */
  'rm': (string);
}
