// Original file: unanimous/v1/session.proto

import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * A request that was refused; nothing was done for it.
 */
export interface Refusal {
  /**
   * The request's number.
   */
  'ref'?: (number);
  /**
   * Why.
   */
  'reason'?: (_unanimous_v1_Reason | null);
  /**
   * When to try again, in milliseconds; 0: it will not help.
   */
  'retryAfterMs'?: (number);
}

/**
 * A request that was refused; nothing was done for it.
 */
export interface Refusal__Output {
  /**
   * The request's number.
   */
  'ref': (number);
  /**
   * Why.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
  /**
   * When to try again, in milliseconds; 0: it will not help.
   */
  'retryAfterMs': (number);
}
