// Original file: unanimous/v1/session.proto

import type { VerdictKind as _unanimous_v1_VerdictKind, VerdictKind__Output as _unanimous_v1_VerdictKind__Output } from '../../unanimous/v1/VerdictKind.js';

/**
 * The coordinator's answer to an InDoubt.
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
}

/**
 * The coordinator's answer to an InDoubt.
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
}
