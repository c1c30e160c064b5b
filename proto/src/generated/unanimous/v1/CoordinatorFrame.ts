// Original file: unanimous/v1/session.proto

import type { Welcome as _unanimous_v1_Welcome, Welcome__Output as _unanimous_v1_Welcome__Output } from '../../unanimous/v1/Welcome.js';
import type { LogPosition as _unanimous_v1_LogPosition, LogPosition__Output as _unanimous_v1_LogPosition__Output } from '../../unanimous/v1/LogPosition.js';
import type { Served as _unanimous_v1_Served, Served__Output as _unanimous_v1_Served__Output } from '../../unanimous/v1/Served.js';
import type { CommitBranch as _unanimous_v1_CommitBranch, CommitBranch__Output as _unanimous_v1_CommitBranch__Output } from '../../unanimous/v1/CommitBranch.js';
import type { AbortBranch as _unanimous_v1_AbortBranch, AbortBranch__Output as _unanimous_v1_AbortBranch__Output } from '../../unanimous/v1/AbortBranch.js';
import type { Verdict as _unanimous_v1_Verdict, Verdict__Output as _unanimous_v1_Verdict__Output } from '../../unanimous/v1/Verdict.js';
import type { Enlisted as _unanimous_v1_Enlisted, Enlisted__Output as _unanimous_v1_Enlisted__Output } from '../../unanimous/v1/Enlisted.js';
import type { Begun as _unanimous_v1_Begun, Begun__Output as _unanimous_v1_Begun__Output } from '../../unanimous/v1/Begun.js';
import type { Prepare as _unanimous_v1_Prepare, Prepare__Output as _unanimous_v1_Prepare__Output } from '../../unanimous/v1/Prepare.js';
import type { Outcome as _unanimous_v1_Outcome, Outcome__Output as _unanimous_v1_Outcome__Output } from '../../unanimous/v1/Outcome.js';
import type { Refusal as _unanimous_v1_Refusal, Refusal__Output as _unanimous_v1_Refusal__Output } from '../../unanimous/v1/Refusal.js';
import type { Reserved as _unanimous_v1_Reserved, Reserved__Output as _unanimous_v1_Reserved__Output } from '../../unanimous/v1/Reserved.js';

/**
 * What the coordinator sends.
 */
export interface CoordinatorFrame {
  /**
   * Answer to the hello; the first frame.
   */
  'welcome'?: (_unanimous_v1_Welcome | null);
  /**
   * The log's highest durable position when the frame was made; set when `commits` is not empty.
   */
  'position'?: (_unanimous_v1_LogPosition | null);
  /**
   * Answers to serves.
   */
  'served'?: (_unanimous_v1_Served)[];
  /**
   * Phase two: commit, apply, permission for one phase, or a question for a receipt.
   */
  'commits'?: (_unanimous_v1_CommitBranch)[];
  /**
   * Phase two: roll back.
   */
  'aborts'?: (_unanimous_v1_AbortBranch)[];
  /**
   * Answers to in-doubt reports.
   */
  'verdicts'?: (_unanimous_v1_Verdict)[];
  /**
   * Answers to enlists.
   */
  'enlisted'?: (_unanimous_v1_Enlisted)[];
  /**
   * Answers to begins.
   */
  'begun'?: (_unanimous_v1_Begun)[];
  /**
   * Phase one.
   */
  'prepares'?: (_unanimous_v1_Prepare)[];
  /**
   * Answers to commits, aborts and asks.
   */
  'outcomes'?: (_unanimous_v1_Outcome)[];
  /**
   * Requests that were refused; nothing was done.
   */
  'refusals'?: (_unanimous_v1_Refusal)[];
  /**
   * The coordinator is about to stop: begin nothing more on this session.
   */
  'draining'?: (boolean);
  /**
   * Answers to reserves.
   */
  'reserved'?: (_unanimous_v1_Reserved)[];
}

/**
 * What the coordinator sends.
 */
export interface CoordinatorFrame__Output {
  /**
   * Answer to the hello; the first frame.
   */
  'welcome': (_unanimous_v1_Welcome__Output | null);
  /**
   * The log's highest durable position when the frame was made; set when `commits` is not empty.
   */
  'position': (_unanimous_v1_LogPosition__Output | null);
  /**
   * Answers to serves.
   */
  'served': (_unanimous_v1_Served__Output)[];
  /**
   * Phase two: commit, apply, permission for one phase, or a question for a receipt.
   */
  'commits': (_unanimous_v1_CommitBranch__Output)[];
  /**
   * Phase two: roll back.
   */
  'aborts': (_unanimous_v1_AbortBranch__Output)[];
  /**
   * Answers to in-doubt reports.
   */
  'verdicts': (_unanimous_v1_Verdict__Output)[];
  /**
   * Answers to enlists.
   */
  'enlisted': (_unanimous_v1_Enlisted__Output)[];
  /**
   * Answers to begins.
   */
  'begun': (_unanimous_v1_Begun__Output)[];
  /**
   * Phase one.
   */
  'prepares': (_unanimous_v1_Prepare__Output)[];
  /**
   * Answers to commits, aborts and asks.
   */
  'outcomes': (_unanimous_v1_Outcome__Output)[];
  /**
   * Requests that were refused; nothing was done.
   */
  'refusals': (_unanimous_v1_Refusal__Output)[];
  /**
   * The coordinator is about to stop: begin nothing more on this session.
   */
  'draining': (boolean);
  /**
   * Answers to reserves.
   */
  'reserved': (_unanimous_v1_Reserved__Output)[];
}
