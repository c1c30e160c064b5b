import { reason } from '@unanimous/proto';
import type { Resolution } from '../../../coordinator/src/protocol/record.ts';
import type { Action } from './happenings.ts';
import type { ResourceManager } from './resource-manager.ts';
import type { World } from './world.ts';

/** Processes, sessions, the log, deadlines and clients. */
export function possibleFailures(world: World): Action[] {
  const actions: Action[] = [];
  if (world.isUp) {
    const tail = world.log.batches.length - world.log.durable;
    const cause = (pick: number) => world.crashCoordinator(pick % (tail + 1));
    const crash = { name: 'coordinator crashes', act: cause } as const;
    actions.push(crash, ...(isCritical(world) ? [crash, crash] : []));
  }
  for (const session of world.sessions) {
    if (session.participantSide) {
      const cause = () => world.loseParticipantSide(session);
      actions.push({ name: 'participant loses session', act: cause });
    }
    if (world.isUp && session.coordinatorSide) {
      const cause = () => world.loseCoordinatorSide(session);
      actions.push({ name: 'coordinator loses session', act: cause });
    }
  }
  for (const rm of world.rms) actions.push(...possibleFailuresOf(world, rm));
  if (world.isUp && isOpen(world)) actions.push(...possibleEndings(world));
  return actions;
}

/** True when a record or a COMMIT is under way, or a branch is in doubt that is decided elsewhere. */
export function isCritical(world: World): boolean {
  if (world.isUp && world.log.unanswered !== undefined) return true;
  const isDecided = !isOpen(world);
  return world.rms.some((rm) => rm.state === 'committing' || (isDecided && rm.isInDoubt));
}

/** True until the log has answered: afterwards the client can change nothing. */
function isOpen({ tx }: World): boolean {
  return tx !== undefined && ['active', 'preparing', 'deciding', 'delegating'].includes(tx.phase);
}

function possibleFailuresOf(world: World, rm: ResourceManager): Action[] {
  const actions: Action[] = [];
  if (world.sessions.some((s) => s.rm === rm && s.participantSide)) {
    actions.push({ name: 'participant crashes', act: () => crashParticipant(world, rm) });
  }
  if (rm.state === 'committing') {
    actions.push({
      name: 'one-phase commit fails',
      act: () => endOnePhase(world, rm, 'rolled-back'),
    });
  }
  if (rm.state === 'working') {
    actions.push({ name: 'participant aborts alone', act: () => rm.loseHome() });
  }
  return actions;
}

function crashParticipant(world: World, rm: ResourceManager): void {
  world.note(`${rm.name} crashes`);
  rm.loseHome();
  for (const session of world.sessions) {
    if (session.rm === rm && session.participantSide) world.loseParticipantSide(session);
  }
}

function possibleEndings(world: World): Action[] {
  const abort = { kind: 'abort', reason: reason('client-aborted', 'changed its mind') } as const;
  const clientLost = { kind: 'session-lost', session: 0, owned: true } as const;
  return [
    { name: 'abort', act: () => noted('the client aborts', abort) },
    { name: 'deadline', act: () => noted('the deadline passes', { kind: 'deadline' }) },
    { name: 'client lost', act: () => noted('the client is lost', clientLost) },
  ];

  function noted(what: string, input: Parameters<World['input']>[0]): void {
    world.note(what);
    world.input(input);
  }
}

/** What people do to databases, and databases by themselves, behind the protocol's back. */
export function possibleHands(world: World): Action[] {
  const actions: Action[] = [];
  for (const rm of world.rms) {
    const become = (state: ResourceManager['state']) => () => {
      world.note(`somebody makes the branch of ${rm.name} ${state}`);
      rm.state = state;
      rm.wasRestored ||= state === 'prepared';
    };
    if (rm.isInDoubt) {
      actions.push({ name: 'hand commits', act: become('committed') });
      actions.push({ name: 'hand rolls back', act: become('rolled-back') });
    }
    if (rm.state === 'committed' && rm.voted === 'yes' && rm.plan.kind === 'native') {
      actions.push({ name: 'restore', act: become('prepared') });
    }
    const state = world.tx?.branches.find((b) => b.branch === rm.branch)?.state.is ?? 'absent';
    const mayBeStuck = ['asked', 'yes', 'ready', 'heuristic', 'resolved'].includes(state);
    if (world.isUp && mayBeStuck && !isOpen(world)) {
      actions.push({ name: 'resolve', act: (pick) => resolve(world, rm.branch, pick) });
    }
  }
  return actions;
}

function resolve(world: World, branch: number, pick: number): void {
  const resolutions = ['committed', 'rolled-back', 'abandoned'] as const;
  const resolution: Resolution = resolutions[pick % 3] ?? 'abandoned';
  world.note(`the operator resolves branch ${branch}: ${resolution}`);
  const audit = { reason: 'looked into it', operator: 'ann', at: '2026-01-01T00:00:00Z' };
  world.input({ kind: 'resolve', branch, resolution, ...audit });
}

/** The database's COMMIT of a one-phase branch ends; the answer may find no session. */
export function endOnePhase(
  world: World,
  rm: ResourceManager,
  as: 'committed' | 'rolled-back',
): void {
  const reply = rm.end(as);
  world.note(`${rm.name} ends its one phase: ${as}`);
  const home = world.sessions.find((s) => s.id === world.homeOf(rm));
  if (home !== undefined) world.reply(home, reply);
}
