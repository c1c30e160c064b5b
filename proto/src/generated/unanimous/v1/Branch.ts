// Original file: unanimous/v1/admin.proto

import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * A branch as the coordinator sees it.
 */
export interface Branch {
  /**
   * Its number.
   */
  'branch'?: (number);
  /**
   * Its resource manager.
   */
  'rm'?: (string);
  /**
   * native or logged.
   */
  'kind'?: (string);
  /**
   * working, asked, yes, no, read-only, ready, committing, aborting, committed, rolled-back,
   * unknown or resolved.
   */
  'state'?: (string);
  /**
   * The process that enlisted it.
   */
  'instance'?: (string);
  /**
   * The receipt of its vote.
   */
  'receipt'?: (string);
  /**
   * What its participant last reported.
   */
  'reason'?: (_unanimous_v1_Reason | null);
  /**
   * Resolved: by whom and why.
   */
  'resolvedBy'?: (string);
  /**
   * Resolved: the operator's reason.
   */
  'resolvedReason'?: (string);
}

/**
 * A branch as the coordinator sees it.
 */
export interface Branch__Output {
  /**
   * Its number.
   */
  'branch': (number);
  /**
   * Its resource manager.
   */
  'rm': (string);
  /**
   * native or logged.
   */
  'kind': (string);
  /**
   * working, asked, yes, no, read-only, ready, committing, aborting, committed, rolled-back,
   * unknown or resolved.
   */
  'state': (string);
  /**
   * The process that enlisted it.
   */
  'instance': (string);
  /**
   * The receipt of its vote.
   */
  'receipt': (string);
  /**
   * What its participant last reported.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
  /**
   * Resolved: by whom and why.
   */
  'resolvedBy': (string);
  /**
   * Resolved: the operator's reason.
   */
  'resolvedReason': (string);
}
