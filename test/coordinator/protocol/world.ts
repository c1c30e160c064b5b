import { formatGid, type LogId, reason } from '@unanimous/proto';
import type { VerdictOn } from '../../../coordinator/src/protocol/answers.ts';
import type { Input } from '../../../coordinator/src/protocol/decide.ts';
import type { Message } from '../../../coordinator/src/protocol/step.ts';
import type {
  Transaction,
  TransactionEvent,
} from '../../../coordinator/src/protocol/transaction.ts';
import type { Core } from './core.ts';
import { type Batch, isDecision, isRecord, ModelLog, replay } from './model-log.ts';
import { type Order, type Plan, type Reply, ResourceManager } from './resource-manager.ts';

/** A stream between the coordinator and one instance of a resource manager; orders are kept. */
export interface Session {
  readonly id: number;
  readonly rm: ResourceManager;
  /** Whether each side still holds it; a side that has lost it neither hears nor sends on it. */
  coordinatorSide: boolean;
  participantSide: boolean;
  readonly toCoordinator: Reply[];
  readonly toParticipant: Order[];
}

/** One input that the core took or refused. */
export interface Taken {
  readonly input: Input;
  readonly before: Transaction;
  readonly after: Transaction;
  readonly events: readonly TransactionEvent[];
  readonly messages: readonly Message[];
  readonly refused: boolean;
}

/** Looks at a world while it runs, and throws when a rule is broken. */
export interface Watch {
  /** The core took an input; its records are appended and its messages not yet sent. */
  stepped?(taken: Taken): void;
  /** The coordinator sends this. */
  sent?(order: Order): void;
  /** The coordinator came back; `lost` was the state in which it crashed. */
  restarted?(lost: Transaction | undefined): void;
  /** Something happened anywhere. */
  acted?(): void;
  /** Failures have stopped, and everything has come to rest. */
  rested?(): void;
}

/** What somebody who asks is told; undefined when nobody answers now. */
export type Answer = 'committed' | 'aborted' | 'undecided' | undefined;

/**
 * One transaction of one coordinator (the production core, a log that crashes, and a driver that
 * persists before it speaks), its resource managers, and sessions that break. Nothing happens by
 * itself; `actions.ts` lists what can happen next.
 */
export class World {
  readonly core: Core;
  readonly rms: readonly ResourceManager[];
  readonly log: ModelLog;
  readonly trace: string[] = [];
  readonly maxBranches = 4;
  tx: Transaction | undefined;
  isUp = true;
  epoch = 1;
  sessions: readonly Session[] = [];
  watches: readonly Watch[] = [];
  #sessionCount = 0;
  readonly #homes = new Map<ResourceManager, number>();

  constructor(core: Core, plans: readonly Plan[]) {
    this.core = core;
    this.log = new ModelLog(core);
    this.rms = plans.map((plan, i) => new ResourceManager(`rm-${i + 1}`, plan));
    this.tx = core.begunTransaction(formatGid('4f1c9a7be203' as LogId, { epoch: 1, counter: 1 }));
  }

  note(line: string): void {
    this.trace.push(line);
  }

  /** Replies wait until what was handed to the log is durable; the unknown is aborted. */
  get answer(): Answer {
    if (!this.isUp || this.log.unanswered !== undefined) return undefined;
    return this.tx === undefined ? 'aborted' : this.core.outcomeOf(this.tx).is;
  }

  // The coordinator.

  /** Hands an input to the core, appends its records, then sends its messages. */
  input(input: Input): void {
    const before = this.tx;
    if (!this.isUp || before === undefined) return;
    const step = this.core.step(before, input);
    const refused = 'refused' in step;
    const {
      state: after,
      events,
      messages,
    } = refused ? { state: before, events: [], messages: [] } : step;
    this.tx = after;
    if (events.length > 0) this.note(`  ${events.map((e) => e.kind).join(', ')} → ${after.phase}`);
    const records = events.filter((event) => isRecord(this.core, event));
    const batch = records.length > 0 ? this.log.append(records, this.epoch) : undefined;
    const taken: Taken = { input, before, after, events, messages, refused };
    for (const watch of this.watches) watch.stepped?.(taken);
    for (const message of messages) this.send(message);
    if (batch?.forced === false) this.#recorded(batch);
  }

  /** The log's answer to the oldest batch that it was asked to force. */
  logAnswers(): void {
    const batch = this.log.answer();
    this.note(`the log holds ${batch.records.map((record) => record.kind).join(', ')}`);
    this.#recorded(batch);
  }

  #recorded(batch: Batch): void {
    if (batch.records.some(isDecision)) this.input({ kind: 'recorded', at: batch.at });
  }

  /** Stops dead; of what the log had not confirmed, `landed` batches are on the disk. */
  crashCoordinator(landed: number): void {
    const { batches, durable } = this.log;
    this.note(`the coordinator crashes; lost: ${batches.length - durable - landed} appends`);
    this.log.crash(landed);
    this.isUp = false;
    for (const session of this.sessions) dropCoordinatorSide(session);
    this.#forgetDeadSessions();
  }

  restartCoordinator(): void {
    const lost = this.tx;
    this.tx = replay(this.core, this.log.batches);
    this.isUp = true;
    this.epoch += 1;
    this.note(`the coordinator is back: ${this.tx?.phase ?? 'knows nothing'}`);
    for (const watch of this.watches) watch.restarted?.(lost);
  }

  // The network.

  sessionsOf(rm: ResourceManager): readonly Session[] {
    return this.sessions.filter((s) => s.rm === rm && s.coordinatorSide && s.participantSide);
  }

  /** A new session says hello and is told what is outstanding for its resource manager. */
  connect(rm: ResourceManager): void {
    this.#sessionCount += 1;
    const session: Session = {
      id: this.#sessionCount,
      rm,
      coordinatorSide: true,
      participantSide: true,
      toCoordinator: [],
      toParticipant: [],
    };
    this.sessions = [...this.sessions, session];
    this.note(`${rm.name} opens session ${session.id}`);
    this.sendOutstanding(session);
  }

  sendOutstanding(session: Session): void {
    if (this.tx === undefined) return;
    for (const order of this.core.outstanding(this.tx, session.rm.name)) this.send(order, session);
  }

  /** Sends on `session`, or to where the branch lives, or to any instance that can finish it. */
  send(order: Order, session?: Session): void {
    for (const watch of this.watches) watch.sent?.(order);
    const to = session ?? (order.kind === 'verdict' ? undefined : this.#sessionFor(order));
    to?.toParticipant.push(order);
    this.note(`  ${order.kind} → ${to ? `${to.rm.name} on session ${to.id}` : 'nobody'}`);
  }

  #sessionFor({ kind, branch }: Message): Session | undefined {
    const live = this.sessions.filter((s) => s.rm.name === branch.rm && s.coordinatorSide);
    const home = live.find((s) => s.id === branch.session);
    const onlyHome = kind === 'prepare' || kind === 'prepare-one-phase' || kind === 'one-phase';
    return onlyHome ? home : (home ?? live.at(-1));
  }

  /** The coordinator takes the oldest message of a session. */
  deliverToCoordinator(session: Session): void {
    const reply = session.toCoordinator.shift();
    if (reply === undefined || !this.isUp) return;
    const { branch } = reply;
    switch (reply.kind) {
      case 'vote': {
        this.note(`${session.rm.name} votes ${reply.vote.is} on session ${session.id}`);
        const from = { session: session.id, incarnation: session.rm.name };
        return this.input({ kind: 'vote', branch, vote: reply.vote, ...from });
      }
      case 'result':
        this.note(`${session.rm.name} answers ${reply.result.is} on session ${session.id}`);
        return this.input({ kind: 'result', branch, result: reply.result });
      case 'in-doubt': {
        const verdict = this.verdictOn(branch);
        this.note(`${session.rm.name} is in doubt and asks: ${verdict}`);
        return this.send({ kind: 'verdict', branch, verdict }, session);
      }
    }
  }

  /** Nothing that hangs on an operator's word is answered before the word is durable. */
  verdictOn(branch: number): VerdictOn {
    if (this.tx === undefined) return 'abort';
    const atLog = this.log.batches.slice(this.log.durable).flatMap((batch) => batch.records);
    if (atLog.some((record) => record.kind === 'resolved')) return 'wait';
    return this.core.verdictOn(this.tx, branch);
  }

  /** A participant takes the oldest order of a session, and answers on it. */
  deliverToParticipant(session: Session): void {
    const order = session.toParticipant.shift();
    if (order === undefined) return;
    const reply = session.rm.receive(order);
    const what = order.kind === 'verdict' ? `verdict ${order.verdict}` : order.kind;
    this.note(`${session.rm.name} takes ${what} on session ${session.id}: ${session.rm.state}`);
    if (reply !== undefined) this.reply(session, reply);
  }

  reply(session: Session, reply: Reply): void {
    if (session.coordinatorSide && session.participantSide) session.toCoordinator.push(reply);
  }

  /** The participant's side breaks: nothing more arrives, and an unvoted branch is gone. */
  loseParticipantSide(session: Session): void {
    session.participantSide = false;
    session.toParticipant.length = 0;
    const isHome = this.homeOf(session.rm) === session.id;
    if (isHome) session.rm.loseHome();
    const left = isHome ? `, its branch is ${session.rm.state}` : '';
    this.note(`${session.rm.name} loses session ${session.id}${left}`);
    this.#forgetDeadSessions();
  }

  /** The coordinator's side breaks: what was under way to it is lost. */
  loseCoordinatorSide(session: Session): void {
    dropCoordinatorSide(session);
    this.note(`the coordinator loses session ${session.id} of ${session.rm.name}`);
    this.#forgetDeadSessions();
    this.input({ kind: 'session-lost', session: session.id, owned: false });
  }

  /** The session on which the branch of a resource manager was enlisted. */
  homeOf(rm: ResourceManager): number | undefined {
    return this.#homes.get(rm);
  }

  #forgetDeadSessions(): void {
    this.sessions = this.sessions.filter((s) => s.coordinatorSide || s.participantSide);
  }

  // The client.

  /** Adds the branch of a resource manager, on its oldest session. */
  enlist(rm: ResourceManager): void {
    const [session] = this.sessionsOf(rm);
    if (session === undefined || this.tx === undefined) return;
    const branch = branchOf(rm, session);
    this.note(`the client enlists ${rm.name} (${rm.plan.kind}, will vote ${rm.plan.vote})`);
    this.input({ kind: 'enlist', branch, maxBranches: this.maxBranches });
    rm.enlist(this.tx.branches.length);
    this.#homes.set(rm, session.id);
  }

  /** All branches prepare without being asked, and the coordinator hears of them with their votes. */
  whole(): void {
    const [only] = this.rms;
    const isAlone = this.rms.length === 1 && only?.plan.canOnePhase === true;
    const branches = this.rms.flatMap((rm, index) => {
      const [session] = this.sessionsOf(rm);
      if (session === undefined) return [];
      rm.enlist(index + 1);
      this.#homes.set(rm, session.id);
      const asksReceipt = isAlone || rm.plan.kind === 'last';
      const branch = branchOf(rm, session);
      const kind = asksReceipt ? 'prepare-one-phase' : 'prepare';
      const reply = rm.receive({ kind, branch: { ...branch, branch: index + 1 } });
      if (reply?.kind !== 'vote') throw new Error('a branch is asked to prepare and does not vote');
      return [{ branch, incarnation: rm.name, vote: reply.vote }];
    });
    this.note(`all have voted: ${branches.map(({ vote }) => vote.is).join(', ')}`);
    this.input({ kind: 'whole', branches, maxBranches: this.maxBranches });
    const { tx } = this;
    if (tx?.phase !== 'active') return;
    // Refused: whoever has prepared rolls back, for nothing of it was accepted.
    this.input({ kind: 'abort', reason: reason('too-many-branches', 'refused') });
    for (const rm of this.rms) {
      const [session] = this.sessionsOf(rm);
      if (session) rm.receive({ kind: 'abort', branch: { ...branchOf(rm, session), branch: 0 } });
    }
  }
}

/** A branch that is about to be enlisted on a session. */
function branchOf(rm: ResourceManager, session: Session) {
  return {
    ...{ rm: rm.name, kind: rm.plan.kind, canOnePhase: rm.plan.canOnePhase },
    ...{ session: session.id, work: new Uint8Array(), state: { is: 'working' } as const },
    ...{ receipt: '', redo: new Uint8Array(), incarnation: '' },
  };
}

function dropCoordinatorSide(session: Session): void {
  session.coordinatorSide = false;
  session.toCoordinator.length = 0;
}
