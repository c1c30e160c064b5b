import { type Reason, reason } from '@unanimous/proto/vocabulary';
import { causeOf, evolve } from './branch-evolve.ts';
import { decideOrder, receiptOf } from './branch-orders.ts';
import type {
  BranchEvent,
  BranchInput,
  BranchResult,
  BranchState,
  FinishingOrder,
  NoVote,
  ReadyVote,
  YesVote,
} from './branch-state.ts';

/** What an input makes of a branch. Total: no input fails in any state. */
export function decide(state: BranchState, input: BranchInput): readonly BranchEvent[] {
  switch (input.kind) {
    case 'opened':
      return isGone(state) ? [{ kind: 'opened' }] : [];
    case 'prepare':
      return decidePrepare(state, input);
    case 'commit-at-home':
      return decideAtHome(state);
    case 'prepared':
      return decidePrepared(state, { kind: 'yes', receipt: input.receipt, redo: input.redo });
    case 'readied':
      return decidePrepared(state, { kind: 'ready', receipt: input.receipt });
    case 'read-only':
      return decideReadOnly(state);
    case 'refused':
      return decideRefused(state, input.reason);
    case 'order':
      return decideOrder(state, input.order);
    case 'finished':
      return decideFinished(state, input.result);
    case 'failed':
      return decideFailed(state, input.cause, input.receipt ?? '');
    case 'retry':
    case 'session-opened':
      return decideAgain(state, input.kind);
    case 'rolled-back':
      return decideRolledBack(state);
    case 'handed-over':
      return state.at === 'prepared' && state.unasked ? [{ kind: 'handed-over' }] : [];
    case 'doom':
      return decideAlone(state, input.reason, true);
    case 'session-lost':
    case 'deadline-passed':
    case 'let-go':
      return decideAlone(state, input.reason, false);
    case 'outcome-known':
      return state.at === 'doomed' || state.at === 'left' ? endKeeping(state) : [];
    case 'decided-elsewhere':
      return state.at === 'prepared' ? [{ kind: 'forgotten' }] : [];
  }
}

/** Prepare finds the branch whole, or votes no (PROTOCOL rule 2). */
function decidePrepare(
  state: BranchState,
  input: BranchInput & { kind: 'prepare' },
): readonly BranchEvent[] {
  const { onePhase, work: accept } = input;
  const unasked = input.unasked ? ({ unasked: true } as const) : {};
  const begun = { kind: 'prepare-begun', onePhase, accept, ...unasked } as const;
  switch (state.at) {
    case 'absent':
    case 'done': {
      if (input.work) return [begun];
      const why = reason('branch-unknown', 'the participant holds no such branch');
      return [{ kind: 'voted', vote: { kind: 'no', reason: why }, ...unasked }];
    }
    case 'working':
      return input.obstacle ? refuse(input.obstacle, true, input.unasked) : [begun];
    case 'doomed':
      return [{ kind: input.unasked ? 'voted' : 'voted-again', vote: state.vote, ...unasked }];
    case 'prepared':
    case 'ready':
      return [{ kind: 'voted-again', vote: state.vote }];
    case 'left':
      return [{ kind: 'voted-again', vote: { kind: 'read-only' } }];
    case 'preparing':
    case 'readying':
    case 'committing-one-phase':
    case 'committing-at-home':
    case 'finishing':
      return [];
  }
}

/**
 * A transaction of one branch of which nobody else knows is the resource manager's own: its COMMIT
 * needs nobody's permission, and from here on nothing calls it back.
 */
function decideAtHome(state: BranchState): readonly BranchEvent[] {
  switch (state.at) {
    case 'working':
      return [{ kind: 'home-begun' }];
    case 'doomed':
      return [notCommitted(state.vote.reason)];
    case 'absent':
    case 'done':
      return [notCommitted(reason('branch-unknown', 'the participant holds no such branch'))];
    case 'preparing':
    case 'readying':
    case 'prepared':
    case 'ready':
    case 'left':
    case 'committing-one-phase':
    case 'committing-at-home':
    case 'finishing':
      return [];
  }
}

function notCommitted(why: Reason): BranchEvent {
  return { kind: 'ended-at-home', result: { result: 'rolled-back', reason: why } };
}

function decidePrepared(state: BranchState, vote: YesVote | ReadyVote): readonly BranchEvent[] {
  if (state.at !== 'preparing' && state.at !== 'readying') return [];
  const silently = { kind: 'silently', vote } as const;
  if (state.next) return [silently, ...decideOrder(evolve(state, silently), state.next)];
  const unasked = state.unasked ? ({ unasked: true } as const) : {};
  if (!state.cancelled) return [{ kind: 'voted', vote, ...unasked }];
  // The vote was never handed over, so the branch may still abort alone (PROTOCOL rule 3).
  const no: NoVote = { kind: 'no', reason: state.cancelled };
  if (vote.kind === 'ready') {
    return [
      { kind: 'doomed', vote: no, keep: false },
      { kind: 'voted', vote: no, ...unasked },
    ];
  }
  const order = { kind: 'abort', receipt: vote.receipt, prepared: true, asker: 'self' } as const;
  return [silently, { kind: 'voted', vote: no, ...unasked }, { kind: 'ordered', order }];
}

function decideReadOnly(state: BranchState): readonly BranchEvent[] {
  if (state.at !== 'preparing' && state.at !== 'readying') return [];
  if (state.next) return decideOrder({ at: 'left' }, state.next);
  const unasked = state.unasked ? ({ unasked: true } as const) : {};
  if (!state.cancelled) return [{ kind: 'voted', vote: { kind: 'read-only' }, ...unasked }];
  // It was doomed meanwhile, and nobody will ask again: deadline and session have passed already.
  const vote: NoVote = { kind: 'no', reason: state.cancelled };
  return [{ kind: 'voted', vote, ...unasked }, { kind: 'forgotten' }];
}

function decideRefused(state: BranchState, why: Reason): readonly BranchEvent[] {
  if (state.at === 'committing-at-home') {
    return [{ kind: 'doomed', vote: { kind: 'no', reason: why }, keep: false }, notCommitted(why)];
  }
  if (state.at !== 'preparing' && state.at !== 'readying') return [];
  // What was called off meanwhile has had its deadline or lost its session: nobody lets it go later.
  const events = refuse(why, !state.cancelled, state.unasked);
  if (!state.next) return events;
  return [...events, ...decideOrder(events.reduce(evolve, state), state.next)];
}

/** The branch ends here, and says why now and whenever it is asked. */
function refuse(why: Reason, keep = true, unasked?: true): readonly BranchEvent[] {
  const vote: NoVote = { kind: 'no', reason: why };
  return [
    { kind: 'doomed', vote, keep },
    { kind: 'voted', vote, ...(unasked && { unasked }) },
  ];
}

/** The participant aborts alone, where it still may. `keep`: it will be asked for a reason. */
function decideAlone(state: BranchState, why: Reason, keep: boolean): readonly BranchEvent[] {
  switch (state.at) {
    case 'working':
    case 'ready': // not prepared: its receipt tells the coordinator what became of it
      return [{ kind: 'doomed', vote: { kind: 'no', reason: why }, keep }];
    case 'preparing':
    case 'readying':
      return state.cancelled ? [] : [{ kind: 'cancelled', reason: why }];
    case 'doomed':
    case 'left':
      return keep ? [] : endKeeping(state);
    case 'prepared': {
      if (!state.unasked || keep) return [];
      // Nobody has its vote, so nobody can have decided on it.
      const { receipt } = state.vote;
      return [
        { kind: 'ordered', order: { kind: 'abort', receipt, prepared: true, asker: 'self' } },
      ];
    }
    case 'absent':
    case 'committing-one-phase':
    case 'committing-at-home':
    case 'finishing':
    case 'done':
      return [];
  }
}

function decideRolledBack(state: BranchState): readonly BranchEvent[] {
  if (state.at !== 'doomed' || !state.undoing) return [];
  if (state.next) return decideOrder({ ...state, undoing: false }, state.next);
  return state.keep ? [{ kind: 'undone' }] : [{ kind: 'forgotten' }];
}

function decideFinished(state: BranchState, result: BranchResult): readonly BranchEvent[] {
  if (state.at === 'committing-at-home') return endAtHome(result);
  if (state.at !== 'committing-one-phase' && state.at !== 'finishing') return [];
  if (state.at === 'finishing' && state.again && !isAsOrdered(state.order, result)) {
    return [{ kind: 'attempted-again' }];
  }
  if (state.at === 'finishing' && state.order.asker === 'home') return endAtHome(result);
  const answer = state.at === 'committing-one-phase' || isAnswered(state.order, result);
  const finished = { kind: 'finished', result, answer } as const;
  return state.next ? [finished, ...decideOrder({ at: 'done' }, state.next)] : [finished];
}

function endAtHome(result: BranchResult): readonly BranchEvent[] {
  return [
    { kind: 'finished', result, answer: false },
    { kind: 'ended-at-home', result },
  ];
}

function isAsOrdered(order: FinishingOrder, { result }: BranchResult): boolean {
  switch (order.kind) {
    case 'commit':
      return result === 'committed';
    case 'abort':
      return result === 'rolled-back';
    case 'settle':
      return result !== 'unknown';
  }
}

function isAnswered(order: FinishingOrder, result: BranchResult): boolean {
  switch (order.asker) {
    case 'decision':
      return true;
    case 'scan':
      return isAsOrdered(order, result) || receiptOf(order) !== '';
    case 'home':
    case 'self':
      return false;
  }
}

/** An attempt brought no answer: never success by default, never dropped. */
function decideFailed(state: BranchState, cause: Reason, receipt: string): readonly BranchEvent[] {
  if (state.at === 'committing-at-home') {
    // It may have been committed or not: the receipt tells, and without one nobody can.
    if (receipt === '') return endAtHome({ result: 'unknown', reason: cause });
    const facts = { receipt, redo: new Uint8Array(), epoch: 0, seq: 0, lowWaterSeq: 0 };
    return [{ kind: 'ordered', order: { kind: 'settle', facts, asker: 'home' } }];
  }
  if (state.at === 'committing-one-phase') {
    const order = { kind: 'settle', facts: state.facts, asker: 'decision' } as const;
    const ordered = { kind: 'ordered', order } as const;
    return state.next ? [ordered, ...decideOrder(evolve(state, ordered), state.next)] : [ordered];
  }
  if (state.at !== 'finishing' || !state.running) return [];
  const { asker } = state.order;
  const tell = asker !== 'self' && asker !== 'home' && causeOf(cause) !== state.told;
  const failed = { kind: 'attempt-failed', cause, tell } as const;
  return state.again ? [failed, { kind: 'attempted-again' }] : [failed];
}

/** A hello is not a vote: the vote itself is said again, whole (PROTOCOL rule 3). */
function decideAgain(state: BranchState, why: 'retry' | 'session-opened'): readonly BranchEvent[] {
  if (state.at === 'finishing' && !state.running) return [{ kind: 'attempted-again' }];
  if (state.at === 'prepared' && why === 'session-opened') {
    return [{ kind: 'voted-again', vote: state.vote }];
  }
  return [];
}

function endKeeping(state: BranchState): readonly BranchEvent[] {
  return isLingering(state) ? [{ kind: 'forgotten' }] : [{ kind: 'not-kept' }];
}

/** It has ended, and stays only to say its vote again. */
export function isLingering(state: BranchState): boolean {
  return state.at === 'left' || (state.at === 'doomed' && !state.undoing);
}

function isGone(state: BranchState): boolean {
  return state.at === 'absent' || state.at === 'done';
}
