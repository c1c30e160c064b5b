// Original file: unanimous/v1/admin.proto


/**
 * A connected process.
 */
export interface Peer {
  /**
   * Its incarnation's name.
   */
  'instance'?: (string);
  /**
   * Its service's name.
   */
  'service'?: (string);
  /**
   * Its SDK.
   */
  'sdk'?: (string);
  /**
   * The resource managers that it serves.
   */
  'rms'?: (string)[];
}

/**
 * A connected process.
 */
export interface Peer__Output {
  /**
   * Its incarnation's name.
   */
  'instance': (string);
  /**
   * Its service's name.
   */
  'service': (string);
  /**
   * Its SDK.
   */
  'sdk': (string);
  /**
   * The resource managers that it serves.
   */
  'rms': (string)[];
}
