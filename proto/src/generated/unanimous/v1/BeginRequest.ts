// Original file: unanimous/v1/coordinator.proto


/**
 * Asks for a transaction.
 */
export interface BeginRequest {
  /**
   * Time until the deadline, in milliseconds; 0 for the coordinator's default.
   */
  'timeoutMs'?: (number);
  /**
   * For operators: what the transaction does. Never parsed.
   */
  'name'?: (string);
}

/**
 * Asks for a transaction.
 */
export interface BeginRequest__Output {
  /**
   * Time until the deadline, in milliseconds; 0 for the coordinator's default.
   */
  'timeoutMs': (number);
  /**
   * For operators: what the transaction does. Never parsed.
   */
  'name': (string);
}
