// Original file: unanimous/v1/session.proto

import type { VerdictKind as _unanimous_v1_VerdictKind, VerdictKind__Output as _unanimous_v1_VerdictKind__Output } from '../../unanimous/v1/VerdictKind.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from '../../unanimous/v1/Reason.js';

/**
 * The coordinator's answer to an InDoubt; and what an operator has said of a branch, unasked, for
 * its resource manager to write down.
 */
export interface Verdict {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * The resource manager.
   */
  'rm'?: (string);
  /**
   * What to do.
   */
  'kind'?: (_unanimous_v1_VerdictKind);
  /**
   * The operator's word that it follows, as a reason; unset where nobody has spoken.
   */
  'word'?: (_unanimous_v1_Reason | null);
}

/**
 * The coordinator's answer to an InDoubt; and what an operator has said of a branch, unasked, for
 * its resource manager to write down.
 */
export interface Verdict__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * The resource manager.
   */
  'rm': (string);
  /**
   * What to do.
   */
  'kind': (_unanimous_v1_VerdictKind__Output);
  /**
   * The operator's word that it follows, as a reason; unset where nobody has spoken.
   */
  'word': (_unanimous_v1_Reason__Output | null);
}
