// Original file: unanimous/v1/admin.proto

import type { Transaction as _unanimous_v1_Transaction, Transaction__Output as _unanimous_v1_Transaction__Output } from '../../unanimous/v1/Transaction.js';

/**
 * A list.
 */
export interface ListReply {
  /**
   * The transactions, oldest first.
   */
  'transactions'?: (_unanimous_v1_Transaction)[];
  /**
   * True when there are more.
   */
  'more'?: (boolean);
}

/**
 * A list.
 */
export interface ListReply__Output {
  /**
   * The transactions, oldest first.
   */
  'transactions': (_unanimous_v1_Transaction__Output)[];
  /**
   * True when there are more.
   */
  'more': (boolean);
}
