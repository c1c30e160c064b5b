// Original file: unanimous/v1/coordinator.proto


/**
 * The transaction exists.
 */
export interface BeginReply {
  /**
   * Its global transaction id. Pass it to the services that take part, as metadata `unanimous-gid`.
   */
  'gid'?: (string);
  /**
   * Secret that Enlist, Commit and Abort must show: only who began a transaction may end it.
   */
  'owner'?: (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs'?: (number);
}

/**
 * The transaction exists.
 */
export interface BeginReply__Output {
  /**
   * Its global transaction id. Pass it to the services that take part, as metadata `unanimous-gid`.
   */
  'gid': (string);
  /**
   * Secret that Enlist, Commit and Abort must show: only who began a transaction may end it.
   */
  'owner': (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs': (number);
}
