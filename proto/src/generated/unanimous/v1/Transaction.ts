// Original file: unanimous/v1/admin.proto

import type { Branch as _unanimous_v1_Branch, Branch__Output as _unanimous_v1_Branch__Output } from '../../unanimous/v1/Branch.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A transaction as the coordinator sees it.
 */
export interface Transaction {
  /**
   * Its id.
   */
  'gid'?: (string);
  /**
   * active, preparing, deciding, delegated, committing, heuristic, committed, aborted or expired.
   */
  'state'?: (string);
  /**
   * What it does, as its client named it.
   */
  'name'?: (string);
  /**
   * Age in milliseconds; 0 for what was recovered from the log.
   */
  'ageMs'?: (number | string | Long);
  /**
   * Time until the deadline, in milliseconds; 0 when it has passed or no longer counts.
   */
  'remainingMs'?: (number);
  /**
   * Its branches.
   */
  'branches'?: (_unanimous_v1_Branch)[];
  /**
   * Aborted: why.
   */
  'reason'?: (_unanimous_v1_Reason | null);
}

/**
 * A transaction as the coordinator sees it.
 */
export interface Transaction__Output {
  /**
   * Its id.
   */
  'gid': (string);
  /**
   * active, preparing, deciding, delegated, committing, heuristic, committed, aborted or expired.
   */
  'state': (string);
  /**
   * What it does, as its client named it.
   */
  'name': (string);
  /**
   * Age in milliseconds; 0 for what was recovered from the log.
   */
  'ageMs': (number);
  /**
   * Time until the deadline, in milliseconds; 0 when it has passed or no longer counts.
   */
  'remainingMs': (number);
  /**
   * Its branches.
   */
  'branches': (_unanimous_v1_Branch__Output)[];
  /**
   * Aborted: why.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
}
