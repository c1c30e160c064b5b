// Original file: unanimous/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A block of gids: LOGID-EPOCH-COUNTER of the welcome, with these counters.
 */
export interface Reserved {
  /**
   * The request's number.
   */
  'ref'?: (number);
  /**
   * The first counter.
   */
  'first'?: (number | string | Long);
  /**
   * How many there are.
   */
  'count'?: (number);
}

/**
 * A block of gids: LOGID-EPOCH-COUNTER of the welcome, with these counters.
 */
export interface Reserved__Output {
  /**
   * The request's number.
   */
  'ref': (number);
  /**
   * The first counter.
   */
  'first': (number);
  /**
   * How many there are.
   */
  'count': (number);
}
