// Original file: unanimous/v1/coordinator.proto


/**
 * The branch exists.
 */
export interface EnlistReply {
  /**
   * Number of the branch within its transaction, from 1.
   */
  'branch'?: (number);
}

/**
 * The branch exists.
 */
export interface EnlistReply__Output {
  /**
   * Number of the branch within its transaction, from 1.
   */
  'branch': (number);
}
