// Original file: unanimous/v1/coordinator.proto


/**
 * Asks.
 */
export interface GetRequest {
  /**
   * The transaction.
   */
  'gid'?: (string);
}

/**
 * Asks.
 */
export interface GetRequest__Output {
  /**
   * The transaction.
   */
  'gid': (string);
}
