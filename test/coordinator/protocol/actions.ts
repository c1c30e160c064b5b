import { endOnePhase, isCritical, possibleFailures, possibleHands } from './failures.ts';
import type { Action, Happening } from './happenings.ts';
import type { Session, World } from './world.ts';

/**
 * What may go wrong: nothing; processes, sessions and the log; or also somebody's hand in the
 * databases, databases that forget, and operators.
 */
export type Weather = 'calm' | 'failures' | 'hands';

/** How a run goes: the weather, and how often, of 1,024 times, something fails or is merely odd. */
export interface Climate {
  readonly weather: Weather;
  readonly failures: number;
  readonly oddities: number;
}

/** Lets one thing happen, chosen by a number below 1,024; 0 is always the next thing to do. */
export function happen(world: World, climate: Climate, choice: number): Happening | undefined {
  const { weather, failures, oddities } = climate;
  // Where a failure hurts most, it comes more often.
  const failing = isCritical(world) ? Math.min(failures * 8, 512) : failures;
  const isFailure = weather !== 'calm' && choice >= 1_024 - failing;
  const isOdd = choice >= 1_024 - failing - oddities;
  let actions = isFailure && weather === 'hands' && choice % 2 === 1 ? possibleHands(world) : [];
  if (isFailure && actions.length === 0) actions = possibleFailures(world);
  if (isOdd && actions.length === 0) actions = possibleOddities(world, weather);
  if (actions.length === 0) actions = [...possibleDelivery(world), ...possibleWork(world)];
  const action = actions[(choice >> 1) % Math.max(actions.length, 1)];
  if (action === undefined) return undefined;
  action.act(choice >> 4);
  for (const watch of world.watches) watch.acted?.();
  return action.name;
}

/** Stops all failures, and gives everybody time to finish. */
export function rest(world: World, weather: Weather): void {
  world.note('failures stop');
  for (let round = 0; round < 10; round += 1) {
    drain(world, weather);
    for (const session of halfOpen(world)) loseOtherSide(world, session);
    if (isAtRest(world)) break;
    const isLive = world.tx?.phase === 'active' || world.tx?.phase === 'preparing';
    if (isLive) {
      world.note('the deadline passes');
      world.input({ kind: 'deadline' });
    }
    for (const session of world.sessions) {
      world.sendOutstanding(session);
      scan(world, session);
    }
  }
  drain(world, weather);
  for (const watch of world.watches) watch.acted?.();
  for (const watch of world.watches) watch.rested?.();
}

function isAtRest(world: World): boolean {
  const { tx, core, rms, sessions } = world;
  if (sessions.some((s) => s.coordinatorSide !== s.participantSide)) return false;
  if (rms.some((rm) => rm.isOpen)) return false;
  if (tx === undefined) return true;
  return tx.phase !== 'active' && tx.phase !== 'preparing' && core.outstanding(tx).length === 0;
}

function drain(world: World, weather: Weather): void {
  for (let i = 0; i < 1_000; i += 1) {
    const client = weather === 'calm' ? possibleWork(world) : [];
    const [next] = [...possibleDelivery(world), ...client];
    if (next === undefined) return;
    next.act(0);
  }
  throw new Error('messages without end');
}

/** Messages, the log's answers, and what reconnects by itself. */
function possibleDelivery(world: World): Action[] {
  const actions: Action[] = [];
  if (!world.isUp) actions.push({ name: 'restart', act: () => world.restartCoordinator() });
  for (const session of world.sessions) {
    if (world.isUp && session.coordinatorSide && session.toCoordinator.length > 0) {
      actions.push({ name: 'reply', act: () => world.deliverToCoordinator(session) });
    }
    if (session.participantSide && session.toParticipant.length > 0) {
      actions.push({ name: 'order', act: () => world.deliverToParticipant(session) });
    }
  }
  if (world.isUp && world.log.unanswered !== undefined) {
    actions.push({ name: 'log answers', act: () => world.logAnswers() });
  }
  for (const rm of world.rms) {
    if (world.isUp && world.sessionsOf(rm).length === 0) {
      actions.push({ name: 'connect', act: () => world.connect(rm) });
    }
    if (rm.state === 'committing') {
      actions.push({
        name: 'one-phase commit lands',
        act: () => endOnePhase(world, rm, 'committed'),
      });
    }
  }
  return actions;
}

function possibleWork(world: World): Action[] {
  if (!world.isUp || world.tx?.phase !== 'active') return [];
  const next = world.rms.find((rm) => rm.state === 'absent');
  if (next === undefined) return [{ name: 'commit', act: () => commit(world) }];
  if (world.sessionsOf(next).length === 0) return [];
  const actions: Action[] = [{ name: 'enlist', act: () => world.enlist(next) }];
  const isFree = world.rms.every((rm) => rm.state === 'absent' && world.sessionsOf(rm).length > 0);
  if (isFree) actions.push({ name: 'whole', act: () => world.whole() });
  return actions;
}

function commit(world: World): void {
  world.note('the client commits');
  world.input({ kind: 'commit' });
}

/** What is allowed at any time, and must do no harm. */
function possibleOddities(world: World, weather: Weather): Action[] {
  const actions: Action[] = [];
  const isWorking = world.isUp && world.tx?.phase === 'active' && world.tx.branches.length > 0;
  if (weather !== 'calm' && isWorking) {
    actions.push({ name: 'commit early', act: () => commit(world) });
  }
  if (world.log.durable < world.log.batches.length && world.log.unanswered === undefined) {
    actions.push({ name: 'flush', act: () => world.log.flush() });
  }
  for (const session of world.sessions) {
    const { rm, toCoordinator, toParticipant } = session;
    const [reply] = toCoordinator;
    if (reply) actions.push({ name: 'reply doubled', act: () => void toCoordinator.push(reply) });
    const [order] = toParticipant;
    if (order) actions.push({ name: 'order doubled', act: () => void toParticipant.push(order) });
    if (order && order.kind !== 'verdict' && !order.kind.startsWith('prepare')) {
      actions.push({ name: 'not yet', act: () => answerNotYet(world, session) });
    }
    if (!session.coordinatorSide || !session.participantSide) continue;
    if (rm.isInDoubt) actions.push({ name: 'scan', act: () => scan(world, session) });
    if (world.isUp && world.tx !== undefined) {
      actions.push({ name: 'told again', act: () => world.sendOutstanding(session) });
    }
    const { voted } = rm;
    if (voted !== undefined && rm.isOpen) {
      actions.push({ name: 'vote again', act: () => world.reply(session, rm.vote(voted)) });
    }
    if (world.isUp && world.sessionsOf(rm).length === 1) {
      actions.push({ name: 'second instance', act: () => world.connect(rm) });
    }
  }
  return actions;
}

/** The participant can't do it now: it says so, and goes on trying. */
function answerNotYet(world: World, session: Session): void {
  world.note(`${session.rm.name} can't, now`);
  world.reply(session, session.rm.result('pending'));
}

function scan(world: World, session: Session): void {
  const { branch, isInDoubt } = session.rm;
  if (isInDoubt) world.reply(session, { kind: 'in-doubt', branch });
}

function halfOpen(world: World): readonly Session[] {
  return world.sessions.filter((s) => s.coordinatorSide !== s.participantSide);
}

function loseOtherSide(world: World, session: Session): void {
  if (session.participantSide) world.loseParticipantSide(session);
  else world.loseCoordinatorSide(session);
}
