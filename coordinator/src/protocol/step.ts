import type { Reason } from '@unanimous/proto/vocabulary';
import { decide, type Input } from './decide.ts';
import { type Branch, evolve, isOver, isPermitted } from './transaction.ts';
import type { Transaction, TransactionEvent } from './transaction.ts';

/** What a participant is to be told. The driver adds addresses and numbers, and sends it. */
export interface Message {
  readonly kind:
    | 'prepare'
    | 'prepare-one-phase'
    | 'commit'
    | 'apply'
    | 'one-phase'
    | 'settle'
    | 'abort';
  readonly branch: Branch;
}

/** What an input does: the new state, the events behind it, and messages that may go out now. */
export interface Step {
  readonly state: Transaction;
  readonly events: readonly TransactionEvent[];
  readonly messages: readonly Message[];
}

/**
 * One step of a transaction: decide, evolve, tell. No message depends on a record that is not yet
 * durable: what follows a decision is told by the step that takes the log's answer.
 */
export function step(before: Transaction, input: Input): Step | { readonly refused: Reason } {
  const decision = decide(before, input);
  if ('refused' in decision) return decision;
  let state = before;
  let messages: readonly Message[] = [];
  for (const event of decision.events) {
    const after = evolve(state, event);
    const told = tell(state, event, after);
    messages = messages.length === 0 ? told : [...messages, ...told];
    state = after;
  }
  return { state, events: decision.events, messages };
}

function tell(
  before: Transaction,
  event: TransactionEvent,
  after: Transaction,
): readonly Message[] {
  switch (event.kind) {
    case 'prepare-asked':
      return after.branches.map((branch) => {
        const asksReceipt = event.onePhase || branch.kind === 'last';
        return { kind: asksReceipt ? 'prepare-one-phase' : 'prepare', branch };
      });
    case 'came-whole':
      return nothing; // with their votes
    case 'recorded':
      return after.phase === 'delegated'
        ? after.branches.filter(isPermitted).map(message('one-phase'))
        : outstanding(after);
    case 'settled': {
      // A receipt says the same again; an operator's word may be lost until the log has answered.
      const isWord = before.branches.some((b) => b.state.is === 'resolved');
      if (after.phase !== 'aborted' || isWord) return [];
      return after.branches.filter((b) => b.state.is === 'yes').map(message('abort'));
    }
    case 'aborted':
      return before.branches.filter((b) => !isOver(b)).map(message('abort'));
    case 'followed':
    case 'heuristic':
    case 'resolved':
      return nativesJustOver(before, after) ? outstanding(after) : [];
    default:
      return nothing;
  }
}

const nothing: readonly Message[] = [];

function message(kind: Message['kind']): (branch: Branch) => Message {
  return (branch) => ({ kind, branch });
}

/** Effects of logged branches go out after the native ones have answered (PROTOCOL rule 15). */
function nativesJustOver(before: Transaction, after: Transaction): boolean {
  return after.phase === 'committing' && !nativesOver(before) && nativesOver(after);
}

function nativesOver(state: Transaction): boolean {
  return state.branches.every((b) => b.kind === 'logged' || isOver(b));
}

/**
 * All that phase two still wants from participants, of one resource manager or of all. Sent when
 * the decision is durable, and again to whoever newly serves the resource manager (PROTOCOL 10).
 */
export function outstanding(state: Transaction, rm?: string): Message[] {
  const open = state.branches.filter((b) => !isOver(b) && (rm === undefined || b.rm === rm));
  switch (state.phase) {
    case 'committing': {
      const natives = open.filter((b) => b.kind === 'native').map(message('commit'));
      if (!nativesOver(state)) return natives;
      return open.map(message('apply'));
    }
    case 'delegated':
      return open.filter(isPermitted).map(message('settle'));
    // An abort is presumed: who missed it finds its branch by a scan, and asks.
    case 'aborted':
    case 'active':
    case 'preparing':
    case 'deciding':
    case 'delegating':
    case 'committed':
      return [];
  }
}
