// Original file: unanimous/v1/session.proto

import type { BranchKind as _unanimous_v1_BranchKind, BranchKind__Output as _unanimous_v1_BranchKind__Output } from '../../unanimous/v1/BranchKind.js';
import type { LogPosition as _unanimous_v1_LogPosition, LogPosition__Output as _unanimous_v1_LogPosition__Output } from '../../unanimous/v1/LogPosition.js';

/**
 * A peer serves a resource manager: it can prepare new branches and finish old ones.
 */
export interface Serve {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * Name of the resource manager, 1 to 64 characters of [A-Za-z0-9._-].
   */
  'rm'?: (string);
  /**
   * What the name stands for, say "pg:7581…:orders". The first is recorded, another is refused.
   */
  'identity'?: (string);
  /**
   * Incarnation of its data: changes when the resource manager goes back in time.
   */
  'incarnation'?: (string);
  /**
   * Native or logged.
   */
  'kind'?: (_unanimous_v1_BranchKind);
  /**
   * Highest log position that the resource manager remembers of this log; unset when none.
   */
  'seen'?: (_unanimous_v1_LogPosition | null);
  /**
   * True when `Prepare` may carry work (see Enlist of the unary API).
   */
  'takesWork'?: (boolean);
}

/**
 * A peer serves a resource manager: it can prepare new branches and finish old ones.
 */
export interface Serve__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * Name of the resource manager, 1 to 64 characters of [A-Za-z0-9._-].
   */
  'rm': (string);
  /**
   * What the name stands for, say "pg:7581…:orders". The first is recorded, another is refused.
   */
  'identity': (string);
  /**
   * Incarnation of its data: changes when the resource manager goes back in time.
   */
  'incarnation': (string);
  /**
   * Native or logged.
   */
  'kind': (_unanimous_v1_BranchKind__Output);
  /**
   * Highest log position that the resource manager remembers of this log; unset when none.
   */
  'seen': (_unanimous_v1_LogPosition__Output | null);
  /**
   * True when `Prepare` may carry work (see Enlist of the unary API).
   */
  'takesWork': (boolean);
}
