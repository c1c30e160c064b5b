// Original file: unanimous/v1/session.proto

import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * A branch that has not acknowledged its decision.
 */
export interface PendingBranch {
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * Its resource manager.
   */
  'rm'?: (string);
  /**
   * What the participant last reported.
   */
  'reason'?: (_unanimous_v1_Reason | null);
}

/**
 * A branch that has not acknowledged its decision.
 */
export interface PendingBranch__Output {
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * Its resource manager.
   */
  'rm': (string);
  /**
   * What the participant last reported.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
}
