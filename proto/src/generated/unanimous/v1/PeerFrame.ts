// Original file: unanimous/v1/session.proto

import type { Hello as _unanimous_v1_Hello, Hello__Output as _unanimous_v1_Hello__Output } from '../../unanimous/v1/Hello.js';
import type { Serve as _unanimous_v1_Serve, Serve__Output as _unanimous_v1_Serve__Output } from '../../unanimous/v1/Serve.js';
import type { Acknowledgement as _unanimous_v1_Acknowledgement, Acknowledgement__Output as _unanimous_v1_Acknowledgement__Output } from '../../unanimous/v1/Acknowledgement.js';
import type { Vote as _unanimous_v1_Vote, Vote__Output as _unanimous_v1_Vote__Output } from '../../unanimous/v1/Vote.js';
import type { InDoubt as _unanimous_v1_InDoubt, InDoubt__Output as _unanimous_v1_InDoubt__Output } from '../../unanimous/v1/InDoubt.js';
import type { Enlist as _unanimous_v1_Enlist, Enlist__Output as _unanimous_v1_Enlist__Output } from '../../unanimous/v1/Enlist.js';
import type { Begin as _unanimous_v1_Begin, Begin__Output as _unanimous_v1_Begin__Output } from '../../unanimous/v1/Begin.js';
import type { Abort as _unanimous_v1_Abort, Abort__Output as _unanimous_v1_Abort__Output } from '../../unanimous/v1/Abort.js';
import type { Commit as _unanimous_v1_Commit, Commit__Output as _unanimous_v1_Commit__Output } from '../../unanimous/v1/Commit.js';
import type { Ask as _unanimous_v1_Ask, Ask__Output as _unanimous_v1_Ask__Output } from '../../unanimous/v1/Ask.js';
import type { Reserve as _unanimous_v1_Reserve, Reserve__Output as _unanimous_v1_Reserve__Output } from '../../unanimous/v1/Reserve.js';
import type { Whole as _unanimous_v1_Whole, Whole__Output as _unanimous_v1_Whole__Output } from '../../unanimous/v1/Whole.js';

/**
 * What a peer sends.
 */
export interface PeerFrame {
  /**
   * The first frame of a stream carries it, and only the first.
   */
  'hello'?: (_unanimous_v1_Hello | null);
  /**
   * "I serve this resource manager." Sent after the welcome, again after each reconnect.
   */
  'serves'?: (_unanimous_v1_Serve)[];
  /**
   * Results of phase two.
   */
  'acknowledgements'?: (_unanimous_v1_Acknowledgement)[];
  /**
   * Votes of phase one.
   */
  'votes'?: (_unanimous_v1_Vote)[];
  /**
   * Prepared branches found in a resource manager, whose outcome this peer does not know.
   */
  'inDoubts'?: (_unanimous_v1_InDoubt)[];
  /**
   * New branches.
   */
  'enlists'?: (_unanimous_v1_Enlist)[];
  /**
   * New transactions.
   */
  'begins'?: (_unanimous_v1_Begin)[];
  /**
   * Requests to abort.
   */
  'aborts'?: (_unanimous_v1_Abort)[];
  /**
   * Requests to commit. They rank behind enlists, so that a commit never overtakes a branch.
   */
  'commits'?: (_unanimous_v1_Commit)[];
  /**
   * Questions for an outcome.
   */
  'asks'?: (_unanimous_v1_Ask)[];
  /**
   * Requests for a block of gids. Optional: without one each transaction begins with `Begin`.
   */
  'reserves'?: (_unanimous_v1_Reserve)[];
  /**
   * Transactions of which the coordinator hears for the first time, whole: begin, branches, votes
   * and commit in one message. Optional, like the blocks that they come from.
   */
  'wholes'?: (_unanimous_v1_Whole)[];
}

/**
 * What a peer sends.
 */
export interface PeerFrame__Output {
  /**
   * The first frame of a stream carries it, and only the first.
   */
  'hello': (_unanimous_v1_Hello__Output | null);
  /**
   * "I serve this resource manager." Sent after the welcome, again after each reconnect.
   */
  'serves': (_unanimous_v1_Serve__Output)[];
  /**
   * Results of phase two.
   */
  'acknowledgements': (_unanimous_v1_Acknowledgement__Output)[];
  /**
   * Votes of phase one.
   */
  'votes': (_unanimous_v1_Vote__Output)[];
  /**
   * Prepared branches found in a resource manager, whose outcome this peer does not know.
   */
  'inDoubts': (_unanimous_v1_InDoubt__Output)[];
  /**
   * New branches.
   */
  'enlists': (_unanimous_v1_Enlist__Output)[];
  /**
   * New transactions.
   */
  'begins': (_unanimous_v1_Begin__Output)[];
  /**
   * Requests to abort.
   */
  'aborts': (_unanimous_v1_Abort__Output)[];
  /**
   * Requests to commit. They rank behind enlists, so that a commit never overtakes a branch.
   */
  'commits': (_unanimous_v1_Commit__Output)[];
  /**
   * Questions for an outcome.
   */
  'asks': (_unanimous_v1_Ask__Output)[];
  /**
   * Requests for a block of gids. Optional: without one each transaction begins with `Begin`.
   */
  'reserves': (_unanimous_v1_Reserve__Output)[];
  /**
   * Transactions of which the coordinator hears for the first time, whole: begin, branches, votes
   * and commit in one message. Optional, like the blocks that they come from.
   */
  'wholes': (_unanimous_v1_Whole__Output)[];
}
