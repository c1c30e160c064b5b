// Original file: unanimous/v1/coordinator.proto


/**
 * Adds a branch.
 */
export interface EnlistRequest {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The secret of BeginReply.
   */
  'owner'?: (string);
  /**
   * The resource manager; a connected instance must serve it and take work, as queues and
   * functions do.
   */
  'rm'?: (string);
  /**
   * The work, in the form that the resource manager documents; for a queue one message as JSON.
   */
  'work'?: (Buffer | Uint8Array | string);
}

/**
 * Adds a branch.
 */
export interface EnlistRequest__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The secret of BeginReply.
   */
  'owner': (string);
  /**
   * The resource manager; a connected instance must serve it and take work, as queues and
   * functions do.
   */
  'rm': (string);
  /**
   * The work, in the form that the resource manager documents; for a queue one message as JSON.
   */
  'work': (Buffer);
}
