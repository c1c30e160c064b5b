// Original file: unanimous/v1/admin.proto

/**
 * Resolutions.
 */
export const Resolution = {
  /**
   * Unset: refused.
   */
  RESOLUTION_UNSPECIFIED: 'RESOLUTION_UNSPECIFIED',
  /**
   * The branch's effects are in the resource manager.
   */
  RESOLVED_COMMITTED: 'RESOLVED_COMMITTED',
  /**
   * The branch's effects are not in the resource manager.
   */
  RESOLVED_ROLLED_BACK: 'RESOLVED_ROLLED_BACK',
  /**
   * The operator gives it up, whatever it is: stop trying.
   */
  RESOLVED_ABANDONED: 'RESOLVED_ABANDONED',
} as const;

/**
 * Resolutions.
 */
export type Resolution =
  /**
   * Unset: refused.
   */
  | 'RESOLUTION_UNSPECIFIED'
  | 0
  /**
   * The branch's effects are in the resource manager.
   */
  | 'RESOLVED_COMMITTED'
  | 1
  /**
   * The branch's effects are not in the resource manager.
   */
  | 'RESOLVED_ROLLED_BACK'
  | 2
  /**
   * The operator gives it up, whatever it is: stop trying.
   */
  | 'RESOLVED_ABANDONED'
  | 3

/**
 * Resolutions.
 */
export type Resolution__Output = typeof Resolution[keyof typeof Resolution]
