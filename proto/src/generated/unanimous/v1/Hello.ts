// Original file: unanimous/v1/session.proto

import type { LogPosition as _unanimous_v1_LogPosition, LogPosition__Output as _unanimous_v1_LogPosition__Output } from '../../unanimous/v1/LogPosition.js';

/**
 * The peer introduces itself.
 */
export interface Hello {
  /**
   * Oldest protocol version that the peer speaks.
   */
  'protocolMin'?: (number);
  /**
   * Newest protocol version that the peer speaks.
   */
  'protocolMax'?: (number);
  /**
   * Name of this incarnation of the process: random, made at its start, the same on reconnect.
   */
  'instance'?: (string);
  /**
   * For operators: the service's name, say "orders".
   */
  'service'?: (string);
  /**
   * For operators: name and version of the SDK, say "unanimous-node/0.1.0".
   */
  'sdk'?: (string);
  /**
   * Highest log position this peer has seen from any coordinator; unset when none.
   */
  'seen'?: (_unanimous_v1_LogPosition | null);
}

/**
 * The peer introduces itself.
 */
export interface Hello__Output {
  /**
   * Oldest protocol version that the peer speaks.
   */
  'protocolMin': (number);
  /**
   * Newest protocol version that the peer speaks.
   */
  'protocolMax': (number);
  /**
   * Name of this incarnation of the process: random, made at its start, the same on reconnect.
   */
  'instance': (string);
  /**
   * For operators: the service's name, say "orders".
   */
  'service': (string);
  /**
   * For operators: name and version of the SDK, say "unanimous-node/0.1.0".
   */
  'sdk': (string);
  /**
   * Highest log position this peer has seen from any coordinator; unset when none.
   */
  'seen': (_unanimous_v1_LogPosition__Output | null);
}
