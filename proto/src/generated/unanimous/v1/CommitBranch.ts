// Original file: unanimous/v1/session.proto

import type { CommitKind as _unanimous_v1_CommitKind, CommitKind__Output as _unanimous_v1_CommitKind__Output } from '../../unanimous/v1/CommitKind.js';
import type { Long } from '@grpc/proto-loader';

/**
 * Phase two for a branch whose outcome is commit.
 */
export interface CommitBranch {
  /**
   * The transaction.
   */
  'gid'?: (string);
  /**
   * The branch.
   */
  'branch'?: (number);
  /**
   * Its resource manager: any instance that serves it can finish the branch.
   */
  'rm'?: (string);
  /**
   * What to do.
   */
  'kind'?: (_unanimous_v1_CommitKind);
  /**
   * The receipt of its vote.
   */
  'receipt'?: (string);
  /**
   * The redo payload of its vote.
   */
  'redo'?: (Buffer | Uint8Array | string);
  /**
   * Epoch of the decision: with `seq`, the order of conflicting transactions.
   */
  'epoch'?: (number | string | Long);
  /**
   * Number of the decision in the log.
   */
  'seq'?: (number | string | Long);
  /**
   * Everything of this resource manager decided at a lower seq is acknowledged: dedupe marks below
   * it can go.
   */
  'lowWaterSeq'?: (number | string | Long);
  /**
   * Incarnation of the resource manager's data in which the branch was made.
   */
  'incarnation'?: (string);
}

/**
 * Phase two for a branch whose outcome is commit.
 */
export interface CommitBranch__Output {
  /**
   * The transaction.
   */
  'gid': (string);
  /**
   * The branch.
   */
  'branch': (number);
  /**
   * Its resource manager: any instance that serves it can finish the branch.
   */
  'rm': (string);
  /**
   * What to do.
   */
  'kind': (_unanimous_v1_CommitKind__Output);
  /**
   * The receipt of its vote.
   */
  'receipt': (string);
  /**
   * The redo payload of its vote.
   */
  'redo': (Buffer);
  /**
   * Epoch of the decision: with `seq`, the order of conflicting transactions.
   */
  'epoch': (number);
  /**
   * Number of the decision in the log.
   */
  'seq': (number);
  /**
   * Everything of this resource manager decided at a lower seq is acknowledged: dedupe marks below
   * it can go.
   */
  'lowWaterSeq': (number);
  /**
   * Incarnation of the resource manager's data in which the branch was made.
   */
  'incarnation': (string);
}
