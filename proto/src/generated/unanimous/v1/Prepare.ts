// Original file: unanimous/v1/session.proto


/**
 * Phase one: make the branch durable and vote.
 */
export interface Prepare {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * Its resource manager.
   */
  'rm'?: (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs'?: (number);
  /**
   * True: the only branch. Do not prepare; vote READY with the receipt of the open work.
   */
  'onePhase'?: (boolean);
  /**
   * Work that was handed to the coordinator with the unary Enlist; empty otherwise.
   */
  'work'?: (Buffer | Uint8Array | string);
}

/**
 * Phase one: make the branch durable and vote.
 */
export interface Prepare__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * Its resource manager.
   */
  'rm': (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs': (number);
  /**
   * True: the only branch. Do not prepare; vote READY with the receipt of the open work.
   */
  'onePhase': (boolean);
  /**
   * Work that was handed to the coordinator with the unary Enlist; empty otherwise.
   */
  'work': (Buffer);
}
