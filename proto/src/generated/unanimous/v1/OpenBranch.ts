// Original file: unanimous/v1/session.proto


/**
 * A branch in which work has begun before the coordinator heard of it; as in Enlist.
 */
export interface OpenBranch {
  /**
   * The resource manager; this session must serve it.
   */
  'rm'?: (string);
  /**
   * True when the branch can commit in one phase, behind a receipt.
   */
  'canOnePhase'?: (boolean);
}

/**
 * A branch in which work has begun before the coordinator heard of it; as in Enlist.
 */
export interface OpenBranch__Output {
  /**
   * The resource manager; this session must serve it.
   */
  'rm': (string);
  /**
   * True when the branch can commit in one phase, behind a receipt.
   */
  'canOnePhase': (boolean);
}
