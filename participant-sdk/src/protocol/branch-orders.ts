import { type Reason, reason } from '@unanimous/proto/vocabulary';
import { evolve } from './branch-evolve.ts';
import type {
  Asker,
  BranchEvent,
  BranchState,
  FinishingOrder,
  FinishingState,
  Order,
} from './branch-state.ts';

const askers: readonly Asker[] = ['self', 'scan', 'decision'];

/**
 * What an order of phase two makes of a branch, held here or not. An order that the state does not
 * expect is carried out all the same as far as it is safe: the answer then tells the coordinator
 * that the branch did not follow.
 */
export function decideOrder(state: BranchState, order: Order): readonly BranchEvent[] {
  switch (state.at) {
    case 'absent':
    case 'done':
      return decideForAbsent(order);
    case 'left':
      if (order.kind === 'abort') return nothingToUndo(order);
      return [{ kind: 'forgotten' }, ...decideForAbsent(order)];
    case 'working':
      return rollBackFirst(state, order);
    case 'doomed':
      if (state.undoing) return [{ kind: 'order-kept', order }];
      if (order.kind === 'abort') return nothingToUndo(order);
      return [{ kind: 'forgotten' }, ...decideForAbsent(order)];
    case 'preparing':
    case 'readying':
      return [{ kind: 'order-kept', order }];
    case 'prepared':
      return [{ kind: 'ordered', order: withReceipt(asFinishing(order), state.vote.receipt) }];
    case 'ready':
      return decideForReady(state, order);
    case 'committing-one-phase':
      if (order.kind !== 'abort') return [];
      return [{ kind: 'order-kept', order: withReceipt(order, state.facts.receipt) }];
    case 'finishing':
      return decideForFinishing(state, order);
  }
}

/** Any instance can finish a branch that another prepared. */
function decideForAbsent(order: Order): readonly BranchEvent[] {
  switch (order.kind) {
    case 'commit':
    case 'settle':
      return [{ kind: 'ordered', order }];
    case 'permit': // the open work was lost with its instance; the receipt tells how far it came
      return [{ kind: 'ordered', order: { ...order, kind: 'settle' } }];
    case 'abort':
      return order.prepared ? [{ kind: 'ordered', order }] : nothingToUndo(order);
  }
}

function decideForReady(
  state: BranchState & { at: 'ready' },
  order: Order,
): readonly BranchEvent[] {
  switch (order.kind) {
    case 'permit':
    case 'commit': {
      const receipt = order.facts.receipt || state.vote.receipt;
      return [{ kind: 'permitted', facts: { ...order.facts, receipt } }];
    }
    case 'settle': // "commit nothing": it becomes final by its rollback, and the receipt says so
    case 'abort':
      return rollBackFirst(state, order);
  }
}

function decideForFinishing(state: FinishingState, order: Order): readonly BranchEvent[] {
  const wanted = asFinishing(order);
  if (wanted.kind !== state.order.kind) {
    const isCovered = state.order.kind === 'commit' && wanted.kind === 'settle';
    if (isCovered) return [];
    return [{ kind: 'order-kept', order: withReceipt(wanted, receiptOf(state.order)) }];
  }
  const stronger = strengthen(state.order, wanted);
  const learned = stronger && receiptOf(stronger) !== receiptOf(state.order);
  const events: BranchEvent[] = [];
  if (stronger) events.push({ kind: 'strengthened', order: stronger, learned: learned === true });
  if (!state.running) events.push({ kind: 'attempted-again' });
  return events;
}

/** The same order, knowing all that either of the two knows; undefined when that is no news. */
function strengthen(known: FinishingOrder, news: FinishingOrder): FinishingOrder | undefined {
  const asker = askers.indexOf(news.asker) > askers.indexOf(known.asker) ? news.asker : known.asker;
  const learns = receiptOf(known) === '' && receiptOf(news) !== '';
  if (!learns && asker === known.asker) return undefined;
  return { ...(learns ? news : known), asker };
}

function rollBackFirst(state: BranchState, order: Order): readonly BranchEvent[] {
  const why = reasonFor(order);
  const doomed = { kind: 'doomed', vote: { kind: 'no', reason: why }, keep: false } as const;
  return [doomed, ...decideOrder(evolve(state, doomed), order)];
}

function reasonFor(order: Order): Reason {
  if (order.kind === 'abort') return reason('client-aborted', 'the coordinator aborted');
  return reason('internal', `${order.kind} was ordered before the branch had voted`);
}

function nothingToUndo(order: Order): readonly BranchEvent[] {
  const answer = order.asker !== 'self';
  return [{ kind: 'finished', result: { result: 'rolled-back' }, answer }];
}

/** A prepared branch needs no permission: to permit it is to commit it. */
function asFinishing(order: Order): FinishingOrder {
  return order.kind === 'permit' ? { ...order, kind: 'commit' } : order;
}

/** For a branch that has voted: only the resource manager knows what is left to do. */
function withReceipt(order: FinishingOrder, known: string): FinishingOrder {
  const receipt = receiptOf(order) || known;
  if (order.kind !== 'abort' && order.facts.receipt === receipt) return order;
  if (order.kind === 'abort') return { ...order, receipt, prepared: true };
  return { ...order, facts: { ...order.facts, receipt } };
}

/** The receipt that an order brings along; empty when it is not known. */
export function receiptOf(order: Order): string {
  return order.kind === 'abort' ? order.receipt : order.facts.receipt;
}
