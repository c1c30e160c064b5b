import type { BranchEvent, BranchState, FinishingState, Order } from './branch-state.ts';

/** Applies one event. Total: an event that says nothing about a state leaves it alone. */
export function evolve(state: BranchState, event: BranchEvent): BranchState {
  switch (event.kind) {
    case 'opened':
      return { at: 'working' };
    case 'prepare-begun':
      return {
        at: event.onePhase ? 'readying' : 'preparing',
        ...(event.unasked && { unasked: true }),
      };
    case 'cancelled':
      return isPreparing(state) ? { ...state, cancelled: event.reason } : state;
    case 'silently':
      return hold(event.vote);
    case 'voted':
      if (event.vote.kind === 'no') return state;
      return event.vote.kind === 'read-only' ? { at: 'left' } : hold(event.vote, event.unasked);
    case 'doomed':
      return { at: 'doomed', vote: event.vote, undoing: true, keep: event.keep };
    case 'not-kept':
      return state.at === 'doomed' ? { ...state, keep: false } : state;
    case 'undone':
      return state.at === 'doomed' ? { ...state, undoing: false } : state;
    case 'order-kept':
      return mayWait(state) ? { ...state, next: event.order } : state;
    case 'permitted':
      return { at: 'committing-one-phase', facts: event.facts };
    case 'home-begun':
      return { at: 'committing-at-home' };
    case 'ended-at-home':
      return state;
    case 'ordered':
      return {
        at: 'finishing',
        order: event.order,
        running: true,
        failures: 0,
        again: false,
        told: '',
      };
    case 'strengthened':
    case 'attempt-failed':
    case 'attempted-again':
      return state.at === 'finishing' ? evolveFinishing(state, event) : state;
    case 'finished':
    case 'forgotten':
      return { at: 'done' };
    case 'handed-over':
    case 'voted-again':
      return state.at === 'prepared' ? hold(state.vote) : state;
  }
}

type FinishingEvent = Extract<
  BranchEvent,
  { kind: 'strengthened' | 'attempt-failed' | 'attempted-again' }
>;

function evolveFinishing(state: FinishingState, event: FinishingEvent): FinishingState {
  switch (event.kind) {
    case 'strengthened':
      return {
        ...state,
        order: event.order,
        again: state.again || (event.learned && state.running),
      };
    case 'attempt-failed': {
      const told = event.tell ? causeOf(event.cause) : state.told;
      return { ...state, running: false, again: false, failures: state.failures + 1, told };
    }
    case 'attempted-again':
      return { ...state, running: true, again: false };
  }
}

/** What makes two causes the same to an operator. */
export function causeOf(reason: { readonly code: string; readonly message: string }): string {
  return `${reason.code}: ${reason.message}`;
}

function hold(
  vote: Extract<BranchEvent, { kind: 'silently' }>['vote'],
  unasked?: true,
): BranchState {
  if (vote.kind === 'ready') return { at: 'ready', vote };
  return unasked ? { at: 'prepared', vote, unasked } : { at: 'prepared', vote };
}

function isPreparing(
  state: BranchState,
): state is Extract<BranchState, { at: 'preparing' | 'readying' }> {
  return state.at === 'preparing' || state.at === 'readying';
}

function mayWait(state: BranchState): state is Extract<BranchState, { readonly next?: Order }> {
  return (
    isPreparing(state) ||
    state.at === 'doomed' ||
    state.at === 'finishing' ||
    state.at === 'committing-one-phase'
  );
}
