// Original file: unanimous/v1/session.proto

import type { Result as _unanimous_v1_Result, Result__Output as _unanimous_v1_Result__Output } from '../../unanimous/v1/Result.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * A branch that did not follow the decision.
 */
export interface Heuristic {
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * Its resource manager.
   */
  'rm'?: (string);
  /**
   * COMMITTED, ROLLED_BACK or UNKNOWN_RESULT.
   */
  'result'?: (_unanimous_v1_Result);
  /**
   * What is known of the cause.
   */
  'reason'?: (_unanimous_v1_Reason | null);
}

/**
 * A branch that did not follow the decision.
 */
export interface Heuristic__Output {
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * Its resource manager.
   */
  'rm': (string);
  /**
   * COMMITTED, ROLLED_BACK or UNKNOWN_RESULT.
   */
  'result': (_unanimous_v1_Result__Output);
  /**
   * What is known of the cause.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
}
