// Original file: unanimous/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks for gids that the session may begin transactions under without a word. They belong to it:
 * nobody else may use them, and those that were not used when it is lost are aborted for ever.
 */
export interface Reserve {
  /**
   * Number by which the answer refers to this request.
   */
  'ref'?: (number);
  /**
   * What is left of an earlier block, from this counter to its end, will not be used; 0: nothing.
   */
  'unusedFrom'?: (number | string | Long);
}

/**
 * Asks for gids that the session may begin transactions under without a word. They belong to it:
 * nobody else may use them, and those that were not used when it is lost are aborted for ever.
 */
export interface Reserve__Output {
  /**
   * Number by which the answer refers to this request.
   */
  'ref': (number);
  /**
   * What is left of an earlier block, from this counter to its end, will not be used; 0: nothing.
   */
  'unusedFrom': (number);
}
