// Original file: unanimous/v1/admin.proto


/**
 * Asks for one transaction.
 */
export interface ShowRequest {
  /**
   * The transaction.
   */
  'gid'?: (string);
}

/**
 * Asks for one transaction.
 */
export interface ShowRequest__Output {
  /**
   * The transaction.
   */
  'gid': (string);
}
