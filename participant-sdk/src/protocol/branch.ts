import { decide } from './branch-decide.ts';
import { evolve } from './branch-evolve.ts';
import type { BranchEffect, BranchEvent, BranchInput, BranchState } from './branch-state.ts';

/** A branch before anything is known of it here. */
export const absent: BranchState = { at: 'absent' };

/** A branch after an input, and what the driver must do, in order. */
export interface BranchStep {
  readonly state: BranchState;
  readonly effects: readonly BranchEffect[];
}

/**
 * One step of the participant's side of the protocol. Pure: no clock, no I/O, no promises. The
 * driver carries the effects out and hands the results back as inputs. Total: no input fails.
 */
export function step(state: BranchState, input: BranchInput): BranchStep {
  const events = decide(state, input);
  let effects: readonly BranchEffect[] = [];
  let after = state;
  for (const event of events) {
    after = evolve(after, event);
    const more = effectsOf(event, after);
    effects = effects.length === 0 ? more : [...effects, ...more];
  }
  const isOver = after.at === 'absent' || after.at === 'done';
  return { state: after, effects: isOver ? [...effects, { run: 'forget' }] : effects };
}

function effectsOf(event: BranchEvent, after: BranchState): readonly BranchEffect[] {
  switch (event.kind) {
    case 'prepare-begun':
      return [{ run: event.onePhase ? 'ready' : 'prepare', accept: event.accept }];
    case 'voted':
      return [{ run: event.unasked ? 'keep-vote' : 'vote', vote: event.vote }];
    case 'voted-again':
      return [{ run: 'vote', vote: event.vote }];
    case 'doomed':
      return [{ run: 'rollback' }];
    case 'permitted':
      return [{ run: 'commit-one-phase' }];
    case 'home-begun':
      return [{ run: 'commit-at-home' }];
    case 'ended-at-home':
      return [{ run: 'tell-home', result: event.result }];
    case 'ordered':
      return [{ run: 'finish', order: event.order }];
    case 'attempted-again':
      return after.at === 'finishing' ? [{ run: 'finish', order: after.order }] : [];
    case 'attempt-failed':
      return effectsOfFailure(event, after);
    case 'finished':
      return event.answer ? [{ run: 'acknowledge', result: event.result }] : [];
    case 'opened':
    case 'cancelled':
    case 'silently':
    case 'not-kept':
    case 'undone':
    case 'order-kept':
    case 'strengthened':
    case 'handed-over':
    case 'forgotten':
      return [];
  }
}

function effectsOfFailure(
  event: BranchEvent & { kind: 'attempt-failed' },
  after: BranchState,
): readonly BranchEffect[] {
  const failures = after.at === 'finishing' ? after.failures : 1;
  const later: BranchEffect = { run: 'retry-later', failures };
  return event.tell ? [{ run: 'acknowledge-pending', cause: event.cause }, later] : [later];
}
