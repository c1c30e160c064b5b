// Original file: unanimous/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The coordinator's answer.
 */
export interface Welcome {
  /**
   * The version both will speak on this session.
   */
  'protocol'?: (number);
  /**
   * Version of the coordinator's software.
   */
  'coordinator'?: (string);
  /**
   * Identity of the coordinator's log; the prefix of each gid it makes.
   */
  'logId'?: (string);
  /**
   * The coordinator's incarnation.
   */
  'epoch'?: (number | string | Long);
  /**
   * Number of this session within the epoch.
   */
  'session'?: (number | string | Long);
  /**
   * Largest redo or work payload of one branch, in bytes.
   */
  'maxPayloadBytes'?: (number);
  /**
   * Most branches of one transaction.
   */
  'maxBranches'?: (number);
  /**
   * Longest deadline of a transaction, in milliseconds.
   */
  'maxTimeoutMs'?: (number);
}

/**
 * The coordinator's answer.
 */
export interface Welcome__Output {
  /**
   * The version both will speak on this session.
   */
  'protocol': (number);
  /**
   * Version of the coordinator's software.
   */
  'coordinator': (string);
  /**
   * Identity of the coordinator's log; the prefix of each gid it makes.
   */
  'logId': (string);
  /**
   * The coordinator's incarnation.
   */
  'epoch': (number);
  /**
   * Number of this session within the epoch.
   */
  'session': (number);
  /**
   * Largest redo or work payload of one branch, in bytes.
   */
  'maxPayloadBytes': (number);
  /**
   * Most branches of one transaction.
   */
  'maxBranches': (number);
  /**
   * Longest deadline of a transaction, in milliseconds.
   */
  'maxTimeoutMs': (number);
}
