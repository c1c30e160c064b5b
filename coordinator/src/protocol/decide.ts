import { type Gid, type Reason, reason } from '@unanimous/proto/vocabulary';
import type { DecidedBranch, Resolution } from './record.ts';
import { type Branch, evolve, isOver, isPermitted, type Place } from './transaction.ts';
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

/** The reason of a result, for who must hear one. */
export function whyIsIt(result: Result, rm: string): Reason {
  return result.reason ?? reason('heuristic', 'was committed', rm);
}

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

const nothing: Decision = { events: [] };

const nothingWritten = { receipt: '', redo: new Uint8Array() } as const;

/** Turns an input into events. All rules of the coordinator's side stand here. */
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

function prepared(state: Transaction): readonly DecidedBranch[] {
  return state.branches.filter((b) => b.state.is === 'yes').map(decided);
}

function decided(b: Branch): DecidedBranch {
  const { branch, rm, kind, incarnation, receipt, redo } = b;
  return { branch, rm, kind, incarnation, receipt, redo };
}

function decideResult(state: Transaction, number: number, result: Result): Decision {
  const branch = state.branches.find((b) => b.branch === number);
  if (branch === undefined) return nothing;
  switch (state.phase) {
    case 'committing':
      return decideCommitResult(state, branch, result);
    case 'delegated':
      return isPermitted(branch) ? decideDelegatedResult(state, branch, result) : nothing;
    case 'aborted':
      return decideAbortResult(state, branch, result);
    case 'active':
    case 'preparing':
    case 'deciding':
    case 'delegating':
    case 'committed':
      return nothing;
  }
}

function decideCommitResult(state: Transaction, branch: Branch, result: Result): Decision {
  // What an operator said stands until the resource manager itself says committed.
  const open = !isOver(branch) || branch.state.is === 'resolved';
  if (!open) return nothing;
  if (result.is === 'pending') {
    return { events: [{ kind: 'reported', branch: branch.branch, reason: result.reason }] };
  }
  if (result.is !== 'committed') {
    if (branch.state.is === 'resolved') return nothing;
    const deviated = heuristic(state.gid, 'committed', branch, result.is, result.reason);
    return { events: withEnd(state, branch, deviated) };
  }
  const event = { kind: 'followed', branch: branch.branch, as: 'committed' } as const;
  return { events: withEnd(state, branch, event) };
}

/** The event, and with it the end where no other branch owes an answer. */
function withEnd(
  state: Transaction,
  branch: Branch,
  event: TransactionEvent,
): readonly TransactionEvent[] {
  const isLast = state.branches.every((b) => b === branch || isOver(b));
  return isLast ? [event, ...decideEnd(state, evolve(state, event))] : [event];
}

/**
 * A decision is forgotten only when every participant has acknowledged it, never by age. Where one did
 * not follow, or an operator has spoken, it is kept; who has acknowledged is told nothing again.
 */
function decideEnd(before: Transaction, after: Transaction): readonly TransactionEvent[] {
  const { gid, branches } = after;
  const deviates = ({ state }: Branch) => state.is === 'heuristic' || state.is === 'resolved';
  if (!branches.some(deviates)) return [{ kind: 'ended', gid }];
  const by = branches.filter((b) => b.state.is === 'committed').map((b) => b.branch);
  const isNews = !before.branches.every(isOver) && by.length > 0;
  return isNews ? [{ kind: 'acknowledged', gid, by }] : [];
}

function decideDelegatedResult(state: Transaction, branch: Branch, result: Result): Decision {
  const { gid } = state;
  const others = prepared(state);
  switch (result.is) {
    case 'committed':
      // Only now the others' commit is decided; if we crash before it is durable, we ask again.
      if (others.length > 0) return { events: [{ kind: 'commit-decided', gid, branches: others }] };
      return {
        events: [
          { kind: 'settled', gid, outcome: 'committed' },
          { kind: 'ended', gid },
        ],
      };
    case 'rolled-back': {
      const settled = { kind: 'settled', gid, outcome: 'aborted', reason: result.reason } as const;
      return { events: [settled, { kind: 'ended', gid }] };
    }
    case 'unknown':
      // Known already; or an operator has given it up, and `unknown` is no news.
      if (isOver(branch)) return nothing;
      return { events: [heuristic(gid, 'delegated', branch, 'unknown', result.reason)] };
    case 'pending':
      return { events: [{ kind: 'reported', branch: branch.branch, reason: result.reason }] };
  }
}

function decideAbortResult(state: Transaction, branch: Branch, result: Result): Decision {
  // An operator said that it was rolled back, an abort without a receipt found nothing to undo, or a
  // PREPARE landed whose answer was lost; and the resource manager itself knows better.
  const { state: said } = branch;
  const isContradicted =
    result.is === 'committed' &&
    (said.is === 'no' ||
      said.is === 'rolled-back' ||
      (said.is === 'resolved' && said.resolution === 'rolled-back'));
  if (isOver(branch) && !isContradicted) return nothing;
  const { branch: number } = branch;
  switch (result.is) {
    case 'rolled-back':
      return { events: [{ kind: 'followed', branch: number, as: 'rolled-back' }] };
    case 'committed':
    case 'unknown':
      return {
        events: [heuristic(state.gid, 'aborted', branch, result.is, whyIsIt(result, branch.rm))],
      };
    case 'pending':
      return { events: [{ kind: 'reported', branch: number, reason: result.reason }] };
  }
}

function heuristic(
  gid: Gid,
  decision: 'committed' | 'aborted' | 'delegated',
  branch: Branch,
  result: 'committed' | 'rolled-back' | 'unknown',
  why: Reason,
): TransactionEvent {
  return { kind: 'heuristic', gid, decision, branch: decided(branch), result, reason: why };
}

function decideResolve(state: Transaction, input: Input & { kind: 'resolve' }): Decision {
  const branch = state.branches.find((b) => b.branch === input.branch);
  // Of the prepared ones that wait for a delegated branch nobody may speak: they follow its word.
  const isWaiting = state.phase === 'delegated' && branch !== undefined && !isPermitted(branch);
  const stuck = branch !== undefined && needsWord(branch) && !isWaiting;
  const decidedPhase =
    state.phase === 'committing' || state.phase === 'delegated' || state.phase === 'aborted';
  if (!stuck || !decidedPhase) {
    const message = `branch ${input.branch} of ${state.gid} is neither stuck nor heuristic`;
    return { refused: reason('cannot-resolve', message, branch?.rm) };
  }
  const others = prepared(state);
  if (state.phase === 'delegated' && input.resolution === 'abandoned' && others.length > 0) {
    const message = `${others.length} prepared branches of ${state.gid} wait for what this one did`;
    const hint = 'Ask the service, and say committed or rolled-back.';
    return { refused: { ...reason('cannot-resolve', message, branch.rm), hint } };
  }
  const { gid } = state;
  const { branch: number, resolution, reason: why, operator, at } = input;
  const audit = reason('heuristic', `resolved by ${operator}: ${why}`, branch.rm);
  const events: TransactionEvent[] = [];
  // An abort has no record: the log must know the branch before it holds a word about it.
  if (state.phase === 'aborted' && !isOver(branch)) {
    events.push(heuristic(gid, 'aborted', branch, 'unknown', audit));
  }
  const word = {
    kind: 'resolved',
    gid,
    branch: number,
    resolution,
    reason: why,
    operator,
    at,
  } as const;
  events.push(...(state.phase === 'committing' ? withEnd(state, branch, word) : [word]));
  // Only the receipt's holder knew what became of a delegated branch; now the operator's word counts.
  if (state.phase === 'delegated' && resolution === 'committed' && others.length > 0) {
    // First, because its place in the log is that of the first record.
    events.unshift({ kind: 'commit-decided', gid, branches: others });
  } else if (state.phase === 'delegated' && resolution !== 'abandoned') {
    const outcome = resolution === 'committed' ? 'committed' : 'aborted';
    events.push({ kind: 'settled', gid, outcome, reason: audit });
  }
  return { events };
}

/** A word on a branch may still come: it is stuck, did not follow, or was only given up. */
function needsWord(branch: Branch): boolean {
  const { state } = branch;
  if (state.is === 'resolved') return state.resolution === 'abandoned';
  return !isOver(branch) || state.is === 'heuristic';
}

function notLive(state: Transaction, what: string): Reason {
  return reason('not-live', `${what}: transaction ${state.gid} is ${state.phase}`);
}
