// Original file: unanimous/v1/session.proto

import type { OpenBranch as _unanimous_v1_OpenBranch, OpenBranch__Output as _unanimous_v1_OpenBranch__Output } from '../../unanimous/v1/OpenBranch.js';

/**
 * Creates a transaction. It belongs to this session and is aborted when the session is lost
 * before its commit was asked for.
 */
export interface Begin {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * Time until the deadline, in milliseconds; 0 for the coordinator's default.
   */
  'timeoutMs'?: (number);
  /**
   * For operators: what the transaction does, say "place-order". Never parsed.
   */
  'name'?: (string);
  /**
   * A gid of a block that this session was given, under which the transaction has begun already;
   * empty: the coordinator makes one.
   */
  'gid'?: (string);
  /**
   * Its branches so far, on this session, numbered from 1 in their order here.
   */
  'branches'?: (_unanimous_v1_OpenBranch)[];
}

/**
 * Creates a transaction. It belongs to this session and is aborted when the session is lost
 * before its commit was asked for.
 */
export interface Begin__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * Time until the deadline, in milliseconds; 0 for the coordinator's default.
   */
  'timeoutMs': (number);
  /**
   * For operators: what the transaction does, say "place-order". Never parsed.
   */
  'name': (string);
  /**
   * A gid of a block that this session was given, under which the transaction has begun already;
   * empty: the coordinator makes one.
   */
  'gid': (string);
  /**
   * Its branches so far, on this session, numbered from 1 in their order here.
   */
  'branches': (_unanimous_v1_OpenBranch__Output)[];
}
