// Original file: unanimous/v1/session.proto

import type { Result as _unanimous_v1_Result, Result__Output as _unanimous_v1_Result__Output } from '../../unanimous/v1/Result.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * What became of a branch in phase two.
 */
export interface Acknowledgement {
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
   * The result.
   */
  'result'?: (_unanimous_v1_Result);
  /**
   * Why, where the result is not the one asked for.
   */
  'reason'?: (_unanimous_v1_Reason | null);
}

/**
 * What became of a branch in phase two.
 */
export interface Acknowledgement__Output {
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
   * The result.
   */
  'result': (_unanimous_v1_Result__Output);
  /**
   * Why, where the result is not the one asked for.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
}
