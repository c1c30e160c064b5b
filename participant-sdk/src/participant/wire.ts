import {
  type AbortBranch,
  type Acknowledgement,
  type BranchId,
  type CommitBranch,
  parseGid,
  type Reason,
  type Result,
  type Vote,
  type WholeBranch,
} from '@unanimous/proto';
import type { BranchResult, BranchVote, CommitFacts, Order } from '../protocol/branch-state.ts';

/** What names a branch in every message. */
export interface BranchRef {
  readonly gid: string;
  readonly branch: number;
  readonly rm: string;
}

/** Key of a branch in maps. */
export function branchKey({ gid, branch, rm }: BranchRef): string {
  return `${gid} ${branch} ${rm}`;
}

/** The id that a message stands for. @throws UnanimousError `malformed-gid`. */
export function branchIdOf(ref: BranchRef, incarnation: string): BranchId {
  return { gid: parseGid(ref.gid).gid, branch: ref.branch, rm: ref.rm, incarnation };
}

/** The order in a CommitBranch; undefined for a kind that this version does not know. */
export function orderOfCommit(message: CommitBranch): Order | undefined {
  const { receipt, redo, epoch, seq, lowWaterSeq } = message;
  const facts: CommitFacts = { receipt, redo, epoch, seq, lowWaterSeq };
  switch (message.kind) {
    case 'COMMIT_PREPARED':
    case 'APPLY':
      return { kind: 'commit', facts, asker: 'decision' };
    case 'ONE_PHASE':
      return { kind: 'permit', facts, asker: 'decision' };
    case 'SETTLE':
      return { kind: 'settle', facts, asker: 'decision' };
    default:
      return undefined;
  }
}

/** The order in an AbortBranch. Only a vote has a receipt and an incarnation. */
export function orderOfAbort({ receipt, incarnation }: AbortBranch): Order {
  const prepared = receipt !== '' || incarnation !== '';
  return { kind: 'abort', receipt, prepared, asker: 'decision' };
}

/** The order in a verdict on a branch that a scan found. */
export function orderOfVerdict(kind: 'commit' | 'abort'): Order {
  if (kind === 'abort') return { kind: 'abort', receipt: '', prepared: true, asker: 'scan' };
  const facts = { receipt: '', redo: new Uint8Array(), epoch: 0, seq: 0, lowWaterSeq: 0 };
  return { kind: 'commit', facts, asker: 'scan' };
}

/** A vote as it travels. */
export function voteMessage(id: BranchId, vote: BranchVote): Vote {
  const { gid, branch, incarnation } = id;
  const reason = reasonOf(id, vote);
  const kind = voteKinds[vote.kind];
  return { gid, branch, kind, receipt: receiptOf(vote), redo: redoOf(vote), reason, incarnation };
}

/** A branch as it travels with its vote. */
export function wholeBranch(id: BranchId, canOnePhase: boolean, vote: BranchVote): WholeBranch {
  const { rm, incarnation } = id;
  const reason = reasonOf(id, vote);
  const kind = voteKinds[vote.kind];
  const receipt = receiptOf(vote);
  return { rm, canOnePhase, kind, receipt, redo: redoOf(vote), reason, incarnation };
}

function receiptOf(vote: BranchVote): string {
  return vote.kind === 'yes' || vote.kind === 'ready' ? vote.receipt : '';
}

function redoOf(vote: BranchVote): Buffer {
  return vote.kind === 'yes' ? asBuffer(vote.redo) : noBytes;
}

/** Whoever is told of the abort shall see who refused. */
function reasonOf({ rm }: BranchId, vote: BranchVote): Reason | null {
  return vote.kind === 'no' ? { ...vote.reason, rm: vote.reason.rm || rm } : null;
}

const voteKinds = { yes: 'YES', no: 'NO', 'read-only': 'READ_ONLY', ready: 'READY' } as const;

/** What became of a branch, as it travels. */
export function acknowledgement(
  { gid, branch, rm }: BranchRef,
  result: BranchResult['result'] | 'pending',
  reason: Reason | undefined,
): Acknowledgement {
  return { gid, branch, rm, result: results[result], reason: reason ?? null };
}

const results = {
  committed: 'COMMITTED',
  'rolled-back': 'ROLLED_BACK',
  unknown: 'UNKNOWN_RESULT',
  pending: 'PENDING',
} as const satisfies Record<string, Result>;

const noBytes = Buffer.alloc(0);

function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes.byteLength === 0) return noBytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
