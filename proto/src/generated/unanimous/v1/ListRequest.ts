// Original file: unanimous/v1/admin.proto


/**
 * Asks for a list.
 */
export interface ListRequest {
  /**
   * Only these states (see Transaction.state); none: all that are not over.
   */
  'states'?: (string)[];
  /**
   * At most this many; 0: 100. Never more than 1,000.
   */
  'limit'?: (number);
  /**
   * Only transactions after this gid; empty: from the oldest.
   */
  'after'?: (string);
}

/**
 * Asks for a list.
 */
export interface ListRequest__Output {
  /**
   * Only these states (see Transaction.state); none: all that are not over.
   */
  'states': (string)[];
  /**
   * At most this many; 0: 100. Never more than 1,000.
   */
  'limit': (number);
  /**
   * Only transactions after this gid; empty: from the oldest.
   */
  'after': (string);
}
