// Original file: unanimous/v1/session.proto

import type { WholeBranch as _unanimous_v1_WholeBranch, WholeBranch__Output as _unanimous_v1_WholeBranch__Output } from '../../unanimous/v1/WholeBranch.js';

/**
 * A transaction all of whose branches are on this session and have prepared without being asked:
 * the branches are numbered from 1 in their order here, and a vote stands with each. Handled as
 * Begin, Enlist, Commit and Vote in this order. When it is refused the transaction is aborted.
 */
export interface Whole {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * A gid of a block that this session was given.
   */
  'gid'?: (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs'?: (number);
  /**
   * For operators: what the transaction does.
   */
  'name'?: (string);
  /**
   * As in Commit. The answer to 0 lists no pending branches: all of them are the peer's own.
   */
  'waitAppliedMs'?: (number);
  /**
   * Its branches.
   */
  'branches'?: (_unanimous_v1_WholeBranch)[];
}

/**
 * A transaction all of whose branches are on this session and have prepared without being asked:
 * the branches are numbered from 1 in their order here, and a vote stands with each. Handled as
 * Begin, Enlist, Commit and Vote in this order. When it is refused the transaction is aborted.
 */
export interface Whole__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * A gid of a block that this session was given.
   */
  'gid': (string);
  /**
   * Time until the deadline, in milliseconds.
   */
  'remainingMs': (number);
  /**
   * For operators: what the transaction does.
   */
  'name': (string);
  /**
   * As in Commit. The answer to 0 lists no pending branches: all of them are the peer's own.
   */
  'waitAppliedMs': (number);
  /**
   * Its branches.
   */
  'branches': (_unanimous_v1_WholeBranch__Output)[];
}
