// Original file: unanimous/v1/session.proto

import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * Aborts a transaction that this session began.
 */
export interface Abort {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * Why; kept with the outcome.
   */
  'reason'?: (_unanimous_v1_Reason | null);
}

/**
 * Aborts a transaction that this session began.
 */
export interface Abort__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * Why; kept with the outcome.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
}
