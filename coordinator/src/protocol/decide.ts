import { type Reason, reason } from '@unanimous/proto/vocabulary';
import { decided, decideResolve, decideResult, nothing, prepared } from './decide-phase-two.ts';
import type { Resolution } from './record.ts';
import { type Branch, evolve, type Place } from './transaction.ts';
import type { Transaction, TransactionEvent } from './transaction.ts';

/** A participant's vote, as it arrived. */
export type Vote =
  | { readonly is: 'yes' | 'ready'; readonly receipt: string; readonly redo: Uint8Array }
  | { readonly is: 'read-only' }
  | { readonly is: 'no'; readonly reason: Reason };

/** What a participant says of phase two. */
export type Result =
  /** Without a reason where there is nothing more to say, as nearly always. */
  | { readonly is: 'committed'; readonly reason?: Reason }
  | { readonly is: 'rolled-back' | 'unknown'; readonly reason: Reason }
  | { readonly is: 'pending'; readonly reason: Reason };

/** A branch that comes with its vote. */
export interface WholeBranch {
  readonly branch: Omit<Branch, 'branch'>;
  readonly incarnation: string;
  readonly vote: Vote;
}

/** Something that may move a transaction. It is refused, ignored, or makes events. */
export type Input =
  | {
      readonly kind: 'enlist';
      readonly branch: Omit<Branch, 'branch'>;
      readonly maxBranches: number;
    }
  | { readonly kind: 'commit' }
  /** Branches, votes and commit at once, of participants that were not asked. */
  | {
      readonly kind: 'whole';
      readonly branches: readonly WholeBranch[];
      readonly maxBranches: number;
    }
  | { readonly kind: 'abort'; readonly reason: Reason }
  | { readonly kind: 'deadline' }
  /** The session on which branches live, or the one that began the transaction, is lost. */
  | { readonly kind: 'session-lost'; readonly session: number; readonly owned: boolean }
  | {
      readonly kind: 'vote';
      readonly branch: number;
      readonly session: number;
      readonly incarnation: string;
      readonly vote: Vote;
    }
  /** The log's answer: the decision is durable at this place. */
  | { readonly kind: 'recorded'; readonly at: Place }
  | { readonly kind: 'result'; readonly branch: number; readonly result: Result }
  | {
      readonly kind: 'resolve';
      readonly branch: number;
      readonly resolution: Resolution;
      readonly reason: string;
      readonly operator: string;
      readonly at: string;
    };

/** Events, or the reason why nothing happened. An ignored input makes no events. */
export type Decision =
  | { readonly events: readonly TransactionEvent[] }
  | { readonly refused: Reason };

const nothingWritten = { receipt: '', redo: new Uint8Array() } as const;

/** Turns an input into events. All rules of the coordinator's side stand here and in `decide-phase-two.ts`. */
export function decide(state: Transaction, input: Input): Decision {
  switch (input.kind) {
    case 'enlist':
      return decideEnlist(state, input);
    case 'commit':
      return decideCommit(state);
    case 'whole':
      return decideWhole(state, input);
    case 'abort':
      return decideAbort(state, input.reason);
    case 'deadline':
      return decideAbort(state, reason('timeout', 'the deadline passed before the decision'));
    case 'session-lost':
      return decideSessionLost(state, input.session, input.owned);
    case 'vote':
      return decideVote(state, input);
    case 'recorded':
      return state.phase === 'deciding' || state.phase === 'delegating'
        ? { events: [{ kind: 'recorded', at: input.at }] }
        : nothing;
    case 'result':
      return decideResult(state, input.branch, input.result);
    case 'resolve':
      return decideResolve(state, input);
  }
}

function decideEnlist(state: Transaction, input: Input & { kind: 'enlist' }): Decision {
  if (state.phase !== 'active') return { refused: notLive(state, 'enlist') };
  const why = whyNoBranch(input.branch, state.branches, input.maxBranches);
  if (why) return { refused: why };
  const branch: Branch = { branch: state.branches.length + 1, ...input.branch };
  return { events: [{ kind: 'enlisted', branch }] };
}

/** Why a branch cannot be added to those that are there. */
function whyNoBranch(
  branch: Omit<Branch, 'branch'>,
  others: readonly Branch[],
  maxBranches: number,
): Reason | undefined {
  if (others.length >= maxBranches) {
    return reason(
      'too-many-branches',
      `a transaction takes at most ${maxBranches} branches`,
      branch.rm,
    );
  }
  if (branch.kind === 'last' && others.some((b) => b.kind === 'last')) {
    const message =
      'a transaction asks one resource last: of two the first may say yes, the other no';
    const hint = 'Call the second one in a transaction of its own.';
    return { ...reason('invalid-argument', message, branch.rm), hint };
  }
  return undefined;
}

function decideCommit(state: Transaction): Decision {
  // Asked again, by a client that lost its answer: the outcome comes, once.
  if (state.phase !== 'active') return nothing;
  if (state.branches.length === 0) return { events: [{ kind: 'nothing-to-commit' }] };
  return { events: [{ kind: 'prepare-asked', onePhase: isOnePhase(state.branches) }] };
}

/** One phase is chosen before phase one, never later (PROTOCOL rule 6). */
function isOnePhase([only, second]: readonly Pick<Branch, 'canOnePhase'>[]): boolean {
  return second === undefined && only?.canOnePhase === true;
}

/** All at once what would have come one by one; but nobody need be asked for a vote. */
function decideWhole(state: Transaction, input: Input & { kind: 'whole' }): Decision {
  if (state.phase !== 'active' || state.branches.length > 0) {
    return { refused: notLive(state, 'whole') };
  }
  if (input.branches.length === 0) return { events: [{ kind: 'nothing-to-commit' }] };
  const onePhase = isOnePhase(input.branches.map(({ branch }) => branch));
  const branches: Branch[] = [];
  let no: Reason | undefined;
  for (const { branch, incarnation, vote } of input.branches) {
    const why = whyNoBranch(branch, branches, input.maxBranches);
    if (why) return { refused: why };
    const besides = whyNoAnswer(branch, vote, onePhase);
    no ??= besides ?? (vote.is === 'no' ? vote.reason : undefined);
    const number = branches.length + 1;
    branches.push(besides ? asked(branch, number) : voted(branch, number, vote, incarnation));
  }
  const came = { kind: 'came-whole', onePhase, branches } as const;
  if (no) return { events: [came, { kind: 'aborted', reason: no }] };
  return { events: [came, ...decideWhenAllVoted(evolve(state, came))] };
}

function decideAbort(state: Transaction, why: Reason): Decision {
  // From the hand-over of a record on, only the log's answer moves it (PROTOCOL rule 3).
  if (state.phase !== 'active' && state.phase !== 'preparing') return nothing;
  return { events: [{ kind: 'aborted', reason: why }] };
}

function decideSessionLost(state: Transaction, session: number, owned: boolean): Decision {
  if (state.phase === 'active' && owned) {
    return decideAbort(state, reason('session-lost', 'the process that began it was lost'));
  }
  // A branch lives on one session until it votes (PROTOCOL rule 2).
  const lost = state.branches.find((b) => b.session === session && isUnvoted(b));
  if (lost === undefined) return nothing;
  const message = `the process that worked on ${lost.rm} was lost before its vote`;
  return decideAbort(state, reason('session-lost', message, lost.rm));
}

function isUnvoted(branch: Branch): boolean {
  return branch.state.is === 'working' || branch.state.is === 'asked';
}

function decideVote(state: Transaction, input: Input & { kind: 'vote' }): Decision {
  if (state.phase !== 'preparing') return nothing;
  const branch = state.branches.find((b) => b.branch === input.branch);
  // A vote counts once, for an asked branch, from the session on which the branch lives.
  if (branch?.state.is !== 'asked' || branch.session !== input.session) return nothing;
  const { vote, incarnation } = input;
  const besides = whyNoAnswer(branch, vote, state.onePhase);
  // Nobody knows what it holds now: it has not voted, so it hears the abort.
  if (besides) return decideAbort(state, besides);
  const { receipt, redo } = wordsOf(vote);
  const event: TransactionEvent = {
    kind: 'voted',
    branch: branch.branch,
    state: { is: vote.is },
    receipt,
    redo,
    incarnation: vote.is === 'no' ? '' : incarnation,
  };
  const after = evolve(state, event);
  if (vote.is === 'no') return { events: [event, ...eventsOf(decideAbort(after, vote.reason))] };
  return { events: [event, ...decideWhenAllVoted(after)] };
}

/** Why a vote does not answer what the branch was asked, or would have been. */
function whyNoAnswer(
  { rm, kind }: Pick<Branch, 'rm' | 'kind'>,
  { is }: Vote,
  onePhase: boolean,
): Reason | undefined {
  if (is !== 'ready' && is !== 'yes') return undefined;
  const isReceiptAsked = onePhase || kind === 'last';
  if ((is === 'ready') === isReceiptAsked) return undefined;
  return reason('prepare-refused', `${is} does not answer the question`, rm);
}

/** What a vote leaves with the branch. */
function wordsOf(vote: Vote): { readonly receipt: string; readonly redo: Uint8Array } {
  return vote.is === 'no' || vote.is === 'read-only' ? nothingWritten : vote;
}

/** A branch that comes with its vote. Field by field, as everywhere where there are many. */
function voted(
  { rm, kind, canOnePhase, session, work }: Omit<Branch, 'branch'>,
  number: number,
  vote: Vote,
  given: string,
): Branch {
  const { receipt, redo } = wordsOf(vote);
  const incarnation = vote.is === 'no' ? '' : given;
  return {
    branch: number,
    rm,
    kind,
    canOnePhase,
    session,
    work,
    state: stateAfter[vote.is],
    receipt,
    redo,
    incarnation,
  };
}

const stateAfter = {
  yes: { is: 'yes' },
  ready: { is: 'ready' },
  'read-only': { is: 'read-only' },
  no: { is: 'no' },
} as const;

/** One whose vote says nothing: it has not voted, so it hears the abort. */
function asked(branch: Omit<Branch, 'branch'>, number: number): Branch {
  return { branch: number, ...branch, state: { is: 'asked' } };
}

function eventsOf(decision: Decision): readonly TransactionEvent[] {
  return 'events' in decision ? decision.events : [];
}

function decideWhenAllVoted(state: Transaction): readonly TransactionEvent[] {
  if (state.branches.some(isUnvoted)) return [];
  const { gid } = state;
  const others = prepared(state);
  const permitted = state.branches.find((b) => b.state.is === 'ready');
  if (permitted && others.length > 0) {
    return [{ kind: 'last-asked', gid, branch: decided(permitted), others }];
  }
  if (permitted) return [{ kind: 'delegated', gid, branch: decided(permitted) }];
  if (others.length > 0) return [{ kind: 'commit-decided', gid, branches: others }];
  return [{ kind: 'nothing-to-commit' }];
}

function notLive(state: Transaction, what: string): Reason {
  return reason('not-live', `${what}: transaction ${state.gid} is ${state.phase}`);
}
