// Original file: unanimous/v1/admin.proto

import type { Resolution as _unanimous_v1_Resolution, Resolution__Output as _unanimous_v1_Resolution__Output } from '../../unanimous/v1/Resolution.js';

/**
 * An operator's word on a branch.
 */
export interface ResolveRequest {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * What the operator found or did in the resource manager.
   */
  'resolution'?: (_unanimous_v1_Resolution);
  /**
   * Why; recorded. Required.
   */
  'reason'?: (string);
  /**
   * Who; recorded. Required.
   */
  'operator'?: (string);
}

/**
 * An operator's word on a branch.
 */
export interface ResolveRequest__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * What the operator found or did in the resource manager.
   */
  'resolution': (_unanimous_v1_Resolution__Output);
  /**
   * Why; recorded. Required.
   */
  'reason': (string);
  /**
   * Who; recorded. Required.
   */
  'operator': (string);
}
