// Original file: unanimous/v1/session.proto

import type { OutcomeKind as _unanimous_v1_OutcomeKind, OutcomeKind__Output as _unanimous_v1_OutcomeKind__Output } from '../../unanimous/v1/OutcomeKind.js';
import type { PendingBranch as _unanimous_v1_PendingBranch, PendingBranch__Output as _unanimous_v1_PendingBranch__Output } from '../../unanimous/v1/PendingBranch.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';
import type { Heuristic as _unanimous_v1_Heuristic, Heuristic__Output as _unanimous_v1_Heuristic__Output } from '../../unanimous/v1/Heuristic.js';

/**
 * What became of a transaction.
 */
export interface Outcome {
  /**
   * The request's number; 0 in a unary answer.
   */
  'ref'?: (number);
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The outcome.
   */
  'kind'?: (_unanimous_v1_OutcomeKind);
  /**
   * True when every branch has acknowledged the decision.
   */
  'applied'?: (boolean);
  /**
   * Branches that have not, with the cause where it is known.
   */
  'pending'?: (_unanimous_v1_PendingBranch)[];
  /**
   * Aborted: why.
   */
  'reason'?: (_unanimous_v1_Reason | null);
  /**
   * Branches whose result differs from the decision, or is not known.
   */
  'heuristics'?: (_unanimous_v1_Heuristic)[];
}

/**
 * What became of a transaction.
 */
export interface Outcome__Output {
  /**
   * The request's number; 0 in a unary answer.
   */
  'ref': (number);
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The outcome.
   */
  'kind': (_unanimous_v1_OutcomeKind__Output);
  /**
   * True when every branch has acknowledged the decision.
   */
  'applied': (boolean);
  /**
   * Branches that have not, with the cause where it is known.
   */
  'pending': (_unanimous_v1_PendingBranch__Output)[];
  /**
   * Aborted: why.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
  /**
   * Branches whose result differs from the decision, or is not known.
   */
  'heuristics': (_unanimous_v1_Heuristic__Output)[];
}
