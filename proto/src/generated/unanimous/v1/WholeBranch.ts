// Original file: unanimous/v1/session.proto

import type { VoteKind as _unanimous_v1_VoteKind, VoteKind__Output as _unanimous_v1_VoteKind__Output } from '../../unanimous/v1/VoteKind.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * A branch of a Whole, with its vote. Where it is the only one and can commit in one phase, READY
 * instead of YES, as one_phase would have asked for.
 */
export interface WholeBranch {
  /**
   * The resource manager; this session must serve it.
   */
  'rm'?: (string);
  /**
   * As in Enlist.
   */
  'canOnePhase'?: (boolean);
  /**
   * As in Vote, from here on.
   */
  'kind'?: (_unanimous_v1_VoteKind);
  /**
   * The receipt.
   */
  'receipt'?: (string);
  /**
   * The redo payload.
   */
  'redo'?: (Buffer | Uint8Array | string);
  /**
   * No: why.
   */
  'reason'?: (_unanimous_v1_Reason | null);
  /**
   * The incarnation.
   */
  'incarnation'?: (string);
}

/**
 * A branch of a Whole, with its vote. Where it is the only one and can commit in one phase, READY
 * instead of YES, as one_phase would have asked for.
 */
export interface WholeBranch__Output {
  /**
   * The resource manager; this session must serve it.
   */
  'rm': (string);
  /**
   * As in Enlist.
   */
  'canOnePhase': (boolean);
  /**
   * As in Vote, from here on.
   */
  'kind': (_unanimous_v1_VoteKind__Output);
  /**
   * The receipt.
   */
  'receipt': (string);
  /**
   * The redo payload.
   */
  'redo': (Buffer);
  /**
   * No: why.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
  /**
   * The incarnation.
   */
  'incarnation': (string);
}
