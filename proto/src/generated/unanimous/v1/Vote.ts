// Original file: unanimous/v1/session.proto

import type { VoteKind as _unanimous_v1_VoteKind, VoteKind__Output as _unanimous_v1_VoteKind__Output } from '../../unanimous/v1/VoteKind.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * A participant's vote. From its hand-over on, a yes never aborts alone.
 */
export interface Vote {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * The vote.
   */
  'kind'?: (_unanimous_v1_VoteKind);
  /**
   * Yes and ready: what can later tell whether the branch was committed. Opaque to the coordinator.
   */
  'receipt'?: (string);
  /**
   * Yes of a logged branch: what an instance needs to apply it.
   */
  'redo'?: (Buffer | Uint8Array | string);
  /**
   * No: why.
   */
  'reason'?: (_unanimous_v1_Reason | null);
  /**
   * Incarnation of the resource manager's data in which the branch was made.
   */
  'incarnation'?: (string);
}

/**
 * A participant's vote. From its hand-over on, a yes never aborts alone.
 */
export interface Vote__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * The vote.
   */
  'kind': (_unanimous_v1_VoteKind__Output);
  /**
   * Yes and ready: what can later tell whether the branch was committed. Opaque to the coordinator.
   */
  'receipt': (string);
  /**
   * Yes of a logged branch: what an instance needs to apply it.
   */
  'redo': (Buffer);
  /**
   * No: why.
   */
  'reason': (_unanimous_v1_Reason__Output | null);
  /**
   * Incarnation of the resource manager's data in which the branch was made.
   */
  'incarnation': (string);
}
