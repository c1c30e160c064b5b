import type { CoordinatorFrame, PeerFrame } from './generated/messages.js';

// The messages of a session as both ends hold them in memory, all fields present. The embedded
// transport hands these very objects over; the gRPC transport delivers equal ones.
export type {
  Abort,
  AbortBranch,
  Acknowledgement,
  Ask,
  Begin,
  Begun,
  BranchKind,
  Commit,
  CommitBranch,
  CommitKind,
  CoordinatorFrame,
  Enlist,
  Enlisted,
  Hello,
  Heuristic,
  InDoubt,
  LogPosition,
  OpenBranch,
  Outcome,
  OutcomeKind,
  PeerFrame,
  PendingBranch,
  Prepare,
  Reason as WireReason,
  Refusal,
  Reserve,
  Reserved,
  Result,
  Serve,
  Served,
  Verdict,
  VerdictKind,
  Vote,
  VoteKind,
  Welcome,
  Whole,
  WholeBranch,
} from './generated/messages.js';

/** Makes a peer's frame without messages. Its keys stand in ascending field number. */
export function newPeerFrame(): PeerFrame {
  return {
    hello: null,
    serves: [],
    acknowledgements: [],
    votes: [],
    inDoubts: [],
    enlists: [],
    begins: [],
    aborts: [],
    commits: [],
    asks: [],
    reserves: [],
    wholes: [],
  };
}

/** Makes a coordinator's frame without messages. Its keys stand in ascending field number. */
export function newCoordinatorFrame(): CoordinatorFrame {
  return {
    welcome: null,
    position: null,
    served: [],
    commits: [],
    aborts: [],
    verdicts: [],
    enlisted: [],
    begun: [],
    prepares: [],
    outcomes: [],
    refusals: [],
    draining: false,
    reserved: [],
  };
}

/** Number of messages in the repeated fields of a frame. */
export function countMessages(frame: PeerFrame | CoordinatorFrame): number {
  let count = 0;
  for (const value of Object.values(frame)) if (Array.isArray(value)) count += value.length;
  return count;
}

/** True when a frame says nothing at all. */
export function isEmpty(frame: PeerFrame | CoordinatorFrame): boolean {
  return Object.values(frame).every((value) =>
    Array.isArray(value) ? value.length === 0 : !value,
  );
}
