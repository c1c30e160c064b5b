// Original file: unanimous/v1/session.proto


/**
 * A typed cause.
 */
export interface Reason {
  /**
   * Stable code from the catalogue of errors.
   */
  'code'?: (string);
  /**
   * What happened.
   */
  'message'?: (string);
  /**
   * What to do about it.
   */
  'hint'?: (string);
  /**
   * The resource manager it concerns; empty when none.
   */
  'rm'?: (string);
  /**
   * True when the same transaction may succeed if it is tried again.
   */
  'retryable'?: (boolean);
}

/**
 * A typed cause.
 */
export interface Reason__Output {
  /**
   * Stable code from the catalogue of errors.
   */
  'code': (string);
  /**
   * What happened.
   */
  'message': (string);
  /**
   * What to do about it.
   */
  'hint': (string);
  /**
   * The resource manager it concerns; empty when none.
   */
  'rm': (string);
  /**
   * True when the same transaction may succeed if it is tried again.
   */
  'retryable': (boolean);
}
