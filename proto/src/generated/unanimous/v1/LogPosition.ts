// Original file: unanimous/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A position in a log that can be compared with the log itself: who holds another record at the
 * same place was restored from a backup.
 */
export interface LogPosition {
  /**
   * Identity of the log.
   */
  'logId'?: (string);
  /**
   * Epoch of the record.
   */
  'epoch'?: (number | string | Long);
  /**
   * Random number of that epoch, in hexadecimal digits.
   */
  'nonce'?: (string);
  /**
   * Number of the record; grows without gaps over the life of the log.
   */
  'seq'?: (number | string | Long);
  /**
   * Chain hash of the record, 32 hexadecimal digits; empty when the sender does not know it.
   */
  'chain'?: (string);
}

/**
 * A position in a log that can be compared with the log itself: who holds another record at the
 * same place was restored from a backup.
 */
export interface LogPosition__Output {
  /**
   * Identity of the log.
   */
  'logId': (string);
  /**
   * Epoch of the record.
   */
  'epoch': (number);
  /**
   * Random number of that epoch, in hexadecimal digits.
   */
  'nonce': (string);
  /**
   * Number of the record; grows without gaps over the life of the log.
   */
  'seq': (number);
  /**
   * Chain hash of the record, 32 hexadecimal digits; empty when the sender does not know it.
   */
  'chain': (string);
}
