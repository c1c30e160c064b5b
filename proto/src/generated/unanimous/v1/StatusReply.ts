// Original file: unanimous/v1/admin.proto

import type { Peer as _unanimous_v1_Peer, Peer__Output as _unanimous_v1_Peer__Output } from '../../unanimous/v1/Peer.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The coordinator and its load.
 */
export interface StatusReply {
  /**
   * Version of its software.
   */
  'version'?: (string);
  /**
   * Identity of its log.
   */
  'logId'?: (string);
  /**
   * Its incarnation.
   */
  'epoch'?: (number | string | Long);
  /**
   * Transactions that are not decided.
   */
  'active'?: (number);
  /**
   * Decided transactions that some branch has not acknowledged.
   */
  'unfinished'?: (number);
  /**
   * Transactions with a heuristic branch that nobody has resolved.
   */
  'heuristic'?: (number);
  /**
   * Connected peers.
   */
  'peers'?: (_unanimous_v1_Peer)[];
  /**
   * Number of the last durable record of the log.
   */
  'seq'?: (number | string | Long);
}

/**
 * The coordinator and its load.
 */
export interface StatusReply__Output {
  /**
   * Version of its software.
   */
  'version': (string);
  /**
   * Identity of its log.
   */
  'logId': (string);
  /**
   * Its incarnation.
   */
  'epoch': (number);
  /**
   * Transactions that are not decided.
   */
  'active': (number);
  /**
   * Decided transactions that some branch has not acknowledged.
   */
  'unfinished': (number);
  /**
   * Transactions with a heuristic branch that nobody has resolved.
   */
  'heuristic': (number);
  /**
   * Connected peers.
   */
  'peers': (_unanimous_v1_Peer__Output)[];
  /**
   * Number of the last durable record of the log.
   */
  'seq': (number);
}
