import { checkRmName, failpoint, isIncarnation, parseLogId } from '@unanimous/proto';
import { protocolMax, protocolMin } from '@unanimous/proto';
import { readReason, reason, UnanimousError } from '@unanimous/proto';
import type {
  Acknowledgement,
  Enlist,
  Gid,
  Hello,
  InDoubt,
  LogPosition as WirePosition,
} from '@unanimous/proto';
import type { PeerFrame, PeerView, Serve, Vote as WireVote } from '@unanimous/proto';
import type { Coordinator } from '../coordinator.ts';
import type { LogPosition } from '../log/decision-log.ts';
import { type Logger, logEvents } from '../log-events.ts';
import type { BranchKind } from '../protocol/record.ts';
import { verdictOn } from '../protocol/answers.ts';
import { version } from '../version.ts';
import type { World } from '../world.ts';
import type { Result } from '../protocol/decide.ts';
import { whyIsIt } from '../protocol/decide-phase-two.ts';
import type { Serving } from '../resource-managers.ts';
import { readResult, readVote } from './read-messages.ts';
import { Session, type SessionHandler, type SessionSink } from './session.ts';

const branchKinds: { readonly [wire: string]: BranchKind | undefined } = {
  NATIVE: 'native',
  LOGGED: 'logged',
  LAST: 'last',
};

const verdictKinds = {
  commit: 'VERDICT_COMMIT',
  abort: 'VERDICT_ABORT',
  wait: 'VERDICT_WAIT',
  hazard: 'VERDICT_HAZARD',
  foreign: 'VERDICT_FOREIGN',
} as const;

/** All sessions of a coordinator: reads their frames, and answers what is asked. */
export class PeerSessions implements SessionHandler {
  readonly #coordinator: Coordinator;
  readonly #logger: Logger;
  readonly #world: Pick<World, 'soon'>;
  readonly #sessions = new Map<number, Session>();
  #last = 0;

  constructor(coordinator: Coordinator, logger: Logger, world: Pick<World, 'soon'>) {
    this.#coordinator = coordinator;
    this.#logger = logger;
    this.#world = world;
  }

  /** Opens a session on a stream. */
  open(sink: SessionSink): Session {
    this.#last += 1;
    const session = new Session(this.#last, sink, this);
    const { failure } = this.#coordinator;
    this.#sessions.set(session.number, session);
    if (failure) session.end(failure);
    return session;
  }

  /** Connected peers, for operators. */
  views(): PeerView[] {
    return [...this.#sessions.values()].flatMap((session) => {
      const hello = session.introduction;
      if (!hello) return [];
      const { instance, service, sdk } = hello;
      return [{ instance, service, sdk, rms: this.#coordinator.rms.servedNames(session.number) }];
    });
  }

  /** Instance name of a session that is connected; otherwise empty. */
  instanceOf(session: number): string {
    return this.#sessions.get(session)?.instance ?? '';
  }

  /** Tells everybody that nothing more is begun here. */
  announceDrain(): void {
    for (const session of this.#sessions.values()) session.writer.set('draining', true);
  }

  /** Ends all sessions. */
  endAll(error: UnanimousError): void {
    for (const session of this.#sessions.values()) {
      session.writer.flush();
      session.end(error);
    }
  }

  /**
   * An operator has spoken on a branch: its resource manager writes it down (PROTOCOL rule 13). Where
   * nobody serves it now, the scan that finds the branch is told.
   */
  tellWord(gid: Gid, branch: number): void {
    const { transactions, rms } = this.#coordinator;
    const state = transactions.find(gid)?.state;
    const rm = state?.branches.find((one) => one.branch === branch)?.rm;
    const word = this.#coordinator.word(gid, branch);
    if (!state || rm === undefined || !word) return;
    const kind = verdictKinds[verdictOn(state, branch)];
    rms.pick(rm)?.session.writer.add('verdicts', { gid, branch, rm, kind, word });
  }

  /** Highest durable position of the log, which commits carry. */
  tip(): LogPosition {
    return this.#coordinator.tip();
  }

  /** A peer does not read: it is dropped, and asks again when it is back. */
  tooSlow(session: Session): UnanimousError {
    return new UnanimousError('overloaded', `${session.instance || 'a peer'} reads too slowly`);
  }

  soon(action: () => void): void {
    this.#world.soon(action);
  }

  /** A peer introduces itself. Who has seen more than the log holds is told nothing (PROTOCOL 17). */
  hello(session: Session, hello: Hello): Promise<void> | undefined {
    const { protocolMin: oldest, protocolMax: newest, instance } = hello;
    const protocol = Math.min(newest, protocolMax);
    if (protocol < Math.max(oldest, protocolMin)) {
      const message = `the peer speaks protocol ${oldest} to ${newest}, the coordinator ${protocolMin} to ${protocolMax}`;
      this.#refuse(session, new UnanimousError('unsupported-protocol', message));
      return undefined;
    }
    if (!/^[\x21-\x7e]{1,100}$/.test(instance)) {
      const message = 'hello.instance: 1 to 100 printable characters are required';
      this.#refuse(session, new UnanimousError('invalid-argument', message));
      return undefined;
    }
    // The same process on a new stream: the old one is dead, whatever TCP says. The newest wins.
    for (const other of this.#sessions.values()) {
      if (other !== session && other.instance === instance) {
        other.end(new UnanimousError('session-lost', 'the same instance has opened a new session'));
      }
    }
    if (!hello.seen) {
      this.#welcome(session, hello, protocol);
      return undefined;
    }
    return this.#checkSeen(hello.seen).then(() => this.#welcome(session, hello, protocol));
  }

  #welcome(session: Session, { instance, service, sdk }: Hello, protocol: number): void {
    if (session.isOver) return;
    const { limits, incarnation } = this.#coordinator;
    failpoint('c.hello.before-welcome', service);
    session.writer.set('welcome', {
      protocol,
      coordinator: version,
      logId: incarnation.logId,
      epoch: incarnation.epoch,
      session: session.number,
      maxPayloadBytes: limits.maxPayloadBytes,
      maxBranches: limits.maxBranches,
      maxTimeoutMs: limits.maxTimeoutMs,
    });
    if (this.#coordinator.isDraining) session.writer.set('draining', true);
    this.#logger.info({
      event: logEvents.sessionOpened,
      session: session.number,
      instance,
      service,
      sdk,
    });
  }

  /** A frame: all that the peer had to say in one turn. What frees locks is handled first. */
  frame(session: Session, frame: PeerFrame): void {
    if (!session.introduction) {
      const message = 'hello: the first frame of a session must carry it';
      this.#refuse(session, new UnanimousError('invalid-argument', message));
      return;
    }
    for (const serve of frame.serves) this.#serve(session, serve);
    for (const ack of frame.acknowledgements) this.#acknowledged(session, ack);
    for (const vote of frame.votes) this.#voted(session, vote);
    for (const inDoubt of frame.inDoubts) this.#inDoubt(session, inDoubt);
    const owner = { session: session.number };
    const coordinator = this.#coordinator;
    for (const enlist of frame.enlists) this.#enlist(session, enlist);
    for (const begin of frame.begins) {
      const { ref, timeoutMs, name, gid } = begin;
      this.#answer(session, ref, gid, () => {
        const begun = gid
          ? coordinator.untold.beginTold(session, begin)
          : coordinator.begin(owner, timeoutMs, name);
        failpoint('c.begin.before-reply');
        session.writer.add('begun', { ref, ...begun });
      });
    }
    for (const { ref, gid, reason: why } of frame.aborts) {
      this.#answer(session, ref, gid, () => {
        const given = why ? readReason(why) : reason('client-aborted', 'the client aborted');
        coordinator.abort(gid, owner, given, (outcome) => {
          session.writer.add('outcomes', { ...outcome, ref });
        });
      });
    }
    for (const { ref, gid, waitAppliedMs } of frame.commits) {
      this.#answer(session, ref, gid, () => {
        coordinator.commit(gid, owner, waitAppliedMs, (outcome) => {
          session.writer.add('outcomes', { ...outcome, ref });
        });
      });
    }
    for (const { ref, gid } of frame.asks) {
      this.#answer(session, ref, gid, () => {
        session.writer.add('outcomes', { ...coordinator.outcome(gid), ref });
      });
    }
    for (const { ref, unusedFrom } of frame.reserves) {
      this.#answer(session, ref, '', () => {
        const block = coordinator.untold.reserve(session.number, unusedFrom);
        session.writer.add('reserved', { ref, ...block });
      });
    }
    for (const whole of frame.wholes) {
      const { ref, gid } = whole;
      this.#answer(session, ref, gid, () => {
        coordinator.untold.whole(session, whole, (outcome) => {
          session.writer.add('outcomes', { ...outcome, ref });
        });
      });
    }
  }

  /** Who joins a transaction may be quicker than the news that it has begun, on another session. */
  #enlist(session: Session, enlist: Enlist): void {
    const { ref, gid, rm, canOnePhase } = enlist;
    this.#answer(session, ref, gid, () => {
      const told = this.#coordinator.untold.whenTold(gid);
      if (told) {
        void told.then(() => session.isOver || this.#enlist(session, enlist));
        return;
      }
      const { branch, entry } = this.#coordinator.enlist(gid, { session, rm, canOnePhase });
      const remainingMs = this.#coordinator.transactions.remainingMs(entry);
      failpoint('c.enlist.before-reply', rm);
      session.writer.add('enlisted', { ref, branch, remainingMs }, gid);
    });
  }

  /** A stream has ended: what lived on it is aborted, what it owed goes to others. */
  lost(session: Session): void {
    this.#sessions.delete(session.number);
    const { rms, transactions } = this.#coordinator;
    const left = rms.leave(session.number);
    transactions.sessionLost(session.number);
    for (const rm of left) void transactions.resending.resend(rm);
    const { instance } = session;
    this.#logger.info({ event: logEvents.sessionClosed, session: session.number, instance });
  }

  /** Does what was asked, or refuses it; one bad request ends nothing but itself. */
  #answer(session: Session, ref: number, gid: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      const refusal = UnanimousError.from(error);
      const { retryAfterMs = 0 } = refusal;
      session.writer.add('refusals', { ref, reason: refusal.toReason(), retryAfterMs }, gid);
    }
  }

  #refuse(session: Session, error: UnanimousError): void {
    this.#logger.warn({ event: logEvents.sessionRefused, code: error.code, reason: error.message });
    session.end(error);
  }

  #serve(session: Session, serve: Serve): void {
    this.#served(session, serve).catch((error: unknown) => {
      const refusal = UnanimousError.from(error);
      this.#logger.warn({ event: logEvents.rmRefused, rm: serve.rm, code: refusal.code });
      const reasonOf = refusal.toReason();
      session.writer.add('refusals', { ref: serve.ref, reason: reasonOf, retryAfterMs: 0 });
    });
  }

  async #served(session: Session, serve: Serve): Promise<void> {
    const { ref, identity, incarnation, takesWork } = serve;
    const rm = checkRmName(serve.rm);
    const kind = branchKinds[serve.kind];
    if (!kind) throw new UnanimousError('invalid-argument', `kind: ${serve.kind} is none`);
    if (identity === '' || identity.length > 300) {
      throw new UnanimousError('invalid-argument', 'identity: 1 to 300 characters are required');
    }
    if (!isIncarnation(incarnation)) {
      const message = 'incarnation: 1 to 40 characters of [A-Za-z0-9_-] are required';
      throw new UnanimousError('invalid-argument', message);
    }
    if (serve.seen) await this.#checkSeen(serve.seen);
    await this.#coordinator.identities.check(rm, `${kind} ${identity}`);
    if (session.isOver) return;
    this.#coordinator.rms.serve(rm, { session, kind, incarnation, takesWork });
    failpoint('c.serve.before-served', rm);
    session.writer.add('served', { ref, rm });
    void this.#coordinator.transactions.resending.resend(rm);
    this.#logger.info({ event: logEvents.rmServed, rm, session: session.number });
  }

  async #checkSeen(seen: WirePosition): Promise<void> {
    await this.#coordinator.checkSeen({ ...seen, logId: parseLogId(seen.logId) });
  }

  #voted(session: Session, wire: WireVote): void {
    const entry = this.#find(wire.gid);
    if (!entry) return this.#unknownVote(session, wire);
    const vote = readVote(wire, this.#coordinator.limits.maxPayloadBytes);
    const { branch, incarnation } = wire;
    const input = { kind: 'vote', branch, session: session.number, incarnation, vote } as const;
    this.#coordinator.transactions.input(entry, input);
    // A yes that comes too late for its transaction must not stay prepared until the next scan.
    if (entry.state.phase === 'aborted' && vote.is === 'yes') this.#unknownVote(session, wire);
  }

  /** A yes for a transaction that is over or unknown holds locks: it hears its verdict at once. */
  #unknownVote(session: Session, wire: WireVote): void {
    if (wire.kind !== 'YES') return;
    const { gid, branch, incarnation } = wire;
    const owner = this.#find(gid)?.state.branches.find((b) => b.branch === branch);
    this.#inDoubt(session, { gid, branch, rm: owner?.rm ?? '', incarnation });
  }

  #acknowledged(session: Session, ack: Acknowledgement): void {
    // Whoever serves the resource manager may finish a branch, and only who serves it.
    const serving = this.#coordinator.rms.servedBy(ack.rm, session.number);
    const result = readResult(ack);
    if (!serving || !result) return;
    if (result.is === 'pending' && result.reason.code === 'unknown-rm') {
      // It gave up before it heard that it is served. Somebody else may serve it, now or later.
      this.#coordinator.rms.stopServing(ack.rm, session.number);
      void this.#coordinator.transactions.resending.resend(ack.rm);
    }
    const entry = this.#find(ack.gid);
    const isKnown = entry?.state.branches.some((b) => b.branch === ack.branch && b.rm === ack.rm);
    if (!entry || !isKnown) return this.#strayResult(serving, ack, result);
    failpoint('c.ack.received', ack.rm);
    this.#coordinator.transactions.input(entry, { kind: 'result', branch: ack.branch, result });
  }

  /** A result for a branch that is not known: its transaction was presumed aborted, or forgotten. */
  #strayResult(serving: Serving, { gid, branch, rm }: Acknowledgement, result: Result): void {
    if (result.is !== 'committed' && result.is !== 'unknown') return;
    const coordinator = this.#coordinator;
    if (!coordinator.isPresumedAborted(gid)) return;
    const { kind, incarnation } = serving;
    const decided = { branch, rm, kind, incarnation, receipt: '', redo: new Uint8Array() };
    const { is } = result;
    const why = whyIsIt(result, rm);
    const about = { gid: gid as Gid, decision: 'aborted', branch: decided } as const;
    coordinator.transactions.adopt({ kind: 'heuristic', ...about, result: is, reason: why });
  }

  #inDoubt(session: Session, { gid, branch, rm, incarnation: found }: InDoubt): void {
    try {
      const current = this.#coordinator.rms.servedBy(rm, session.number)?.incarnation ?? found;
      const verdict = this.#coordinator.verdict(gid, branch, { found, current });
      if (verdict === 'hazard') {
        this.#logger.error({ event: logEvents.branchHazard, gid, branch, rm, found, current });
      }
      failpoint('c.verdict.before-send', rm);
      const word = this.#coordinator.word(gid, branch) ?? null;
      session.writer.add('verdicts', { gid, branch, rm, kind: verdictKinds[verdict], word });
    } catch {
      // Not a gid of ours: whatever it is, it is not ours to end.
      session.writer.add('verdicts', { gid, branch, rm, kind: 'VERDICT_FOREIGN', word: null });
    }
  }

  #find(gid: string) {
    return this.#coordinator.transactions.find(gid as never);
  }
}
