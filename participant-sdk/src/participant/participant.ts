import {
  type Alarms,
  type BranchId,
  type CoordinatorFrame,
  type Gid,
  type Prepare,
  type Reason,
  reason,
  UnanimousError,
  type Verdict,
} from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { describeError, type Log } from '../logger.ts';
import type { BranchVote, Order } from '../protocol/branch-state.ts';
import type { AuditEntry, OpenBranch, Resource } from '../resource.ts';
import type { Link } from '../session/link.ts';
import { absentResource } from './absent-resource.ts';
import { BranchDriver, type BranchPorts } from './branch-driver.ts';
import { enlist, enlistNow, type EnlistPorts } from './enlist.ts';
import { InDoubtScan } from './in-doubt-scan.ts';
import { abortedError, LocalTransaction } from './local-transaction.ts';
import { type BranchSoFar, PhaseTwoHere, type PhaseTwoPorts } from './phase-two-here.ts';
import { currentScope, outsideTransaction } from './scope.ts';
import { ServedResource } from './served-resource.ts';
import {
  acknowledgement,
  type BranchRef,
  branchIdOf,
  branchKey,
  orderOfAbort,
  orderOfCommit,
  orderOfVerdict,
  voteMessage,
} from './wire.ts';

/** What a participant is made of. */
export interface ParticipantOptions {
  readonly ambient: Ambient;
  /** For deadlines. */
  readonly alarms: Alarms;
  readonly log: Log;
  readonly scanIntervalMs: number;
  /** How long a first statement waits for a session. */
  readonly connectTimeoutMs: number;
  /** The open link. */
  readonly link: () => Link | undefined;
}

/** A vote without a payload to speak of does not wait for room. */
const smallBytes = 1_024;

/** Largest payload where no coordinator has said its own limit. */
const defaultMaxPayloadBytes = 256 * 1_024;

/**
 * The participant's side of all transactions in this process: routes messages to branches and
 * resources, and branches' answers back.
 */
export class Participant {
  readonly #options: ParticipantOptions;
  readonly #resources = new Map<string, ServedResource>();
  /** Branches of no transaction that is open here: others have prepared them. */
  readonly #strays = new Map<string, BranchDriver>();
  /** With the branches that were opened here. */
  readonly #transactions = new Map<Gid, LocalTransaction>();
  readonly #scans = new Map<string, InDoubtScan>();
  /** Branches whose verdict is due, as the scan found them. */
  readonly #asked = new Map<string, BranchId>();
  /** Branches that ended otherwise than by a decision, whose verdict is due. */
  readonly #askedAudits = new Map<string, AuditEntry>();
  readonly #reportedHazards = new Set<string>();
  readonly #enlistPorts: EnlistPorts;
  readonly #phaseTwoPorts: PhaseTwoPorts;
  /** What the branches of each resource manager share. */
  readonly #portsOf = new Map<string, BranchPorts>();

  constructor(options: ParticipantOptions) {
    this.#options = options;
    this.#phaseTwoPorts = {
      alarms: options.alarms,
      acknowledge: (ended, isUrgent) => this.#acknowledge(ended, isUrgent),
    };
    this.#enlistPorts = {
      connectTimeoutMs: options.connectTimeoutMs,
      knows: (transaction) => this.#transactions.get(transaction.gid) === transaction,
      makeDriver: (id, transaction) => {
        const driver = this.#newDriver(id);
        transaction.driverMade(driver);
        return driver;
      },
    };
  }

  /** Adds an opened resource. @throws UnanimousError when the name is taken. */
  async add(resource: Resource): Promise<ServedResource> {
    if (this.#resources.has(resource.rm)) {
      throw new UnanimousError('invalid-argument', `rm: ${resource.rm} is served already`, {
        rm: resource.rm,
      });
    }
    const { ambient, log } = this.#options;
    const onServed = (one: ServedResource, link: Link) => this.#served(one, link);
    const served = new ServedResource(resource, { ambient, log, onServed });
    this.#resources.set(resource.rm, served);
    try {
      resource.attach({
        branch: (open) => this.#branch(served, open),
        branchNow: (open) => this.#branchNow(served, open),
        doom: (id, why) => this.#driver(id)?.input({ kind: 'doom', reason: why }),
      });
      await outsideTransaction(() => served.open());
      return served;
    } catch (error) {
      await this.remove(served);
      throw UnanimousError.from(error, 'rm-unavailable');
    }
  }

  /** Serves it no more, and closes it. */
  async remove(served: ServedResource): Promise<void> {
    this.#resources.delete(served.rm);
    this.#portsOf.delete(served.rm);
    this.#scans.get(served.rm)?.stop();
    await served.close();
  }

  /** Closes all resources. */
  async close(): Promise<void> {
    for (const driver of this.#allDrivers()) driver.stop();
    for (const transaction of this.#transactions.values()) transaction.dispose();
    await Promise.all([...this.#resources.values()].map((served) => this.remove(served)));
  }

  /** A transaction that this process takes part in; the same object for the same gid. */
  transaction(gid: Gid, owner: object, remainingMs: number): LocalTransaction {
    const known = this.#transactions.get(gid);
    if (known) return known;
    const made = new LocalTransaction(gid, owner, remainingMs, this.#options);
    this.#transactions.set(gid, made);
    return made;
  }

  /**
   * The votes of a transaction leave, all of them from here. What follows is known here, unless one
   * of them has yet to decide: undefined then.
   */
  handOver(transaction: LocalTransaction): PhaseTwoHere | undefined {
    const { drivers } = transaction;
    for (const driver of drivers) driver.input({ kind: 'handed-over' });
    if (drivers.some(({ at }) => at === 'ready')) return undefined;
    const prepared = drivers.filter(({ at }) => at === 'prepared');
    transaction.phaseTwo = new PhaseTwoHere(prepared, this.#phaseTwoPorts);
    return transaction.phaseTwo;
  }

  /** Lets a transaction go when nothing of it is left here. */
  release(transaction: LocalTransaction): void {
    // A function that never returns must not keep a transaction that has ended.
    const isWorking = transaction.runningScopes > 0 && !transaction.ended;
    const isUsed = transaction.isOwned || isWorking || transaction.drivers.length > 0;
    if (isUsed || this.#transactions.get(transaction.gid) !== transaction) return;
    this.#transactions.delete(transaction.gid);
    transaction.dispose();
  }

  /** Resolves when no branch of a transaction is open here any more. */
  whenReleased(transaction: LocalTransaction): Promise<void> {
    return new Promise((resolve) => transaction.onRelease(resolve));
  }

  /** What is kept here: nothing may stay when all is over. */
  get kept(): { readonly branches: number; readonly transactions: number } {
    return { branches: this.#allDrivers().length, transactions: this.#transactions.size };
  }

  /** True when no branch and no transaction here waits for anything. */
  get isIdle(): boolean {
    for (const driver of this.#allDrivers()) if (!driver.isLingering) return false;
    for (const one of this.#transactions.values()) {
      if (one.isOwned || (one.runningScopes > 0 && !one.ended)) return false;
    }
    return true;
  }

  /** Tells the coordinator, which is about to stop, of what has begun without a word. */
  tellAll(): void {
    for (const { untold } of this.#transactions.values()) untold?.tellIfOpen();
  }

  /** Serves one resource on a session. */
  announce(served: ServedResource, link: Link): void {
    outsideTransaction(() => void served.announce(link));
  }

  /** A new session: serve everything. */
  opened(link: Link): void {
    this.#asked.clear();
    this.#askedAudits.clear();
    for (const served of this.#resources.values()) this.announce(served, link);
  }

  /** What has not voted dies with its session (PROTOCOL rule 2). */
  lost(error: UnanimousError): void {
    const message = `the session was lost: ${error.message}`;
    const why = reason('session-lost', message);
    for (const transaction of this.#transactions.values()) {
      const isTouched = transaction.isOwned || transaction.branches.size > 0;
      if (isTouched && transaction.mayEnd) {
        transaction.end(abortedError(transaction.gid, why, error));
      }
      transaction.keptVotes?.fail(why);
      transaction.phaseTwo?.lost();
    }
    for (const driver of this.#allDrivers()) {
      driver.input({ kind: 'session-lost', reason: why });
    }
  }

  /** Messages of one frame, in the order of its fields. */
  received(frame: CoordinatorFrame, part: 'phase-two' | 'phase-one'): void {
    if (part === 'phase-one') {
      for (const message of frame.prepares) this.#prepare(message);
      return;
    }
    for (const message of frame.commits) {
      if (frame.position) this.#resources.get(message.rm)?.positions.see(frame.position);
      const order = orderOfCommit(message);
      if (order) this.#order(message, message.incarnation, order);
    }
    for (const message of frame.aborts) {
      this.#order(message, message.incarnation, orderOfAbort(message));
    }
    for (const verdict of frame.verdicts) this.#verdict(verdict);
  }

  /** The session acknowledged a resource: votes first, then what its manager holds in doubt. */
  #served(served: ServedResource, link: Link): void {
    for (const driver of this.#held(served.rm)) driver.input({ kind: 'session-opened' });
    this.#scans.get(served.rm)?.stop();
    const { ambient, log, scanIntervalMs: intervalMs } = this.#options;
    const scan = new InDoubtScan(served, link, {
      ambient,
      log,
      intervalMs,
      driver: (id) => this.#driver(id),
      held: (rm) => this.#held(rm),
      ask: (on, id) => this.#ask(on, id),
      askHeld: (on, { gid, branch, rm: of, incarnation }) => {
        on.send('inDoubts', { gid, branch, rm: of, incarnation });
      },
      askAudited: (on, rm, entry) => this.#askAudited(on, { rm, ...entry }),
    });
    this.#scans.set(served.rm, scan);
    scan.start();
  }

  #ask(link: Link, id: BranchId): void {
    const { gid, branch, rm, incarnation } = id;
    this.#asked.set(branchKey(id), id);
    link.send('inDoubts', { gid, branch, rm, incarnation });
  }

  #askAudited(link: Link, entry: AuditEntry & BranchRef): void {
    const { gid, branch, rm } = entry;
    this.#askedAudits.set(branchKey(entry), entry);
    const incarnation = this.#resources.get(rm)?.incarnation ?? '';
    link.send('inDoubts', { gid, branch, rm, incarnation });
  }

  #prepare(message: Prepare): void {
    const { gid, work, onePhase } = message;
    const served = this.#resources.get(message.rm);
    const driver =
      this.#driver(message) ?? this.#stray(branchIdOf(message, served?.incarnation ?? ''));
    const hasWork = work.byteLength > 0;
    if (hasWork) {
      driver.accept(work);
      // No function here is part of it: its deadline lets it go when nobody else does.
      this.transaction(driver.id.gid, this, message.remainingMs).driverMade(driver);
      this.#strays.delete(branchKey(driver.id));
    }
    const transaction = this.#transactions.get(gid as Gid);
    const obstacle = this.#obstacle(driver, transaction);
    transaction?.close();
    driver.input({ kind: 'prepare', onePhase, work: hasWork, ...(obstacle && { obstacle }) });
  }

  /** Why a branch is not whole at this moment. */
  #obstacle(driver: BranchDriver, transaction: LocalTransaction | undefined): Reason | undefined {
    const { rm } = driver.id;
    if (transaction && transaction.runningScopes > 0) {
      return reason('handler-running', 'a function still works in the transaction', rm);
    }
    const statement = driver.busy();
    if (statement === undefined) return undefined;
    return reason('statement-running', `still running: ${statement}`, rm);
  }

  #order(ref: BranchRef, incarnation: string, order: Order): void {
    const served = this.#resources.get(ref.rm);
    if (!served) {
      const why = reason('unknown-rm', `this instance does not serve ${ref.rm}`, ref.rm);
      this.#options.link()?.send('acknowledgements', acknowledgement(ref, 'pending', why));
      return;
    }
    const driver =
      this.#driver(ref) ?? this.#stray(branchIdOf(ref, incarnation || served.incarnation));
    driver.input({ kind: 'order', order });
  }

  #verdict(verdict: Verdict): void {
    const key = branchKey(verdict);
    const asked = this.#asked.get(key);
    // Asked about both ways, it was prepared first and ended later: so come the verdicts, too.
    const audited = asked ? undefined : this.#askedAudits.get(key);
    this.#asked.delete(key);
    if (audited) this.#askedAudits.delete(key);
    const id = asked ?? this.#heldAs(verdict)?.id;
    if (verdict.word) void this.#followWord(verdict, id);
    // It had ended when it was asked about; an order that is held now has nothing to do any more.
    else if (audited) this.#reportByHand(verdict, audited);
    else if (id) this.#followVerdict(verdict, id);
  }

  /** An operator's word is written down in the resource manager before it is followed (rule 13). */
  async #followWord(verdict: Verdict, id: BranchId | undefined): Promise<void> {
    const { gid, branch, rm, word } = verdict;
    const resource = this.#resources.get(rm)?.resource;
    const isKnown = verdict.kind === 'VERDICT_COMMIT' || verdict.kind === 'VERDICT_ABORT';
    if (resource && isKnown) {
      const result = verdict.kind === 'VERDICT_COMMIT' ? 'committed' : 'rolled-back';
      try {
        const entry = { gid: gid as Gid, branch, result, reason: word?.message ?? '' } as const;
        await outsideTransaction(() => resource.audit?.(entry));
      } catch (error) {
        this.#options.log('rm.audit-failed', { gid, branch, rm, ...describeError(error) });
        return; // the next scan asks again
      }
    }
    if (id) this.#followVerdict(verdict, id);
  }

  /** A branch that was committed by hand, and whose transaction was aborted, is reported. */
  #reportByHand(verdict: Verdict, entry: AuditEntry): void {
    const { gid, branch, rm } = verdict;
    if (verdict.kind === 'VERDICT_WAIT') this.#scans.get(rm)?.askAgain(verdict);
    if (verdict.kind !== 'VERDICT_ABORT') return;
    const why = reason('heuristic', `${rm}: committed by hand: ${entry.reason}`, rm);
    this.#options.log('branch.heuristic', { gid, branch, rm, result: 'committed' });
    this.#options.link()?.send('acknowledgements', acknowledgement(verdict, 'committed', why));
  }

  #followVerdict(verdict: Verdict, id: BranchId): void {
    const key = branchKey(verdict);
    const { log } = this.#options;
    const named = { gid: id.gid, branch: id.branch, rm: id.rm };
    switch (verdict.kind) {
      case 'VERDICT_COMMIT':
        if (this.#resources.get(id.rm)?.resource.kind === 'logged') {
          this.#driver(id)?.input({ kind: 'decided-elsewhere' });
        } else this.#order(id, id.incarnation, orderOfVerdict('commit'));
        return;
      case 'VERDICT_ABORT':
        this.#order(id, id.incarnation, orderOfVerdict('abort'));
        return;
      case 'VERDICT_HAZARD':
        if (!this.#reportedHazards.has(key)) log('branch.hazard', named);
        this.#reportedHazards.add(key);
        return;
      case 'VERDICT_FOREIGN':
        log('branch.foreign', named);
        return;
      case 'VERDICT_WAIT':
      case 'VERDICT_UNSPECIFIED':
    }
  }

  /** A vote that came too late is answered with a verdict that may not know the RM any more. */
  #heldAs({ gid, branch }: Verdict): BranchDriver | undefined {
    // Thousands of them may come at once: what voted here is looked up by its transaction.
    for (const driver of this.#transactions.get(gid as Gid)?.drivers ?? []) {
      if (driver.id.branch === branch) return driver;
    }
    return undefined;
  }

  #branch<B extends OpenBranch>(
    served: ServedResource,
    open: (id: BranchId) => B,
  ): Promise<B> | undefined {
    const scope = currentScope();
    if (!scope) return undefined;
    return enlist(scope, served, open, this.#enlistPorts) as Promise<B>;
  }

  #branchNow<B extends OpenBranch>(
    served: ServedResource,
    open: (id: BranchId) => B,
  ): B | undefined {
    const scope = currentScope();
    return scope && (enlistNow(scope, served, open, this.#enlistPorts) as B | undefined);
  }

  #stray(id: BranchId): BranchDriver {
    const driver = this.#newDriver(id);
    this.#strays.set(branchKey(id), driver);
    return driver;
  }

  #newDriver(id: BranchId): BranchDriver {
    const served = this.#resources.get(id.rm);
    if (served && this.#portsOf.get(served.rm)?.resource !== served.resource) {
      this.#portsOf.set(served.rm, this.#makePorts(id.rm, served));
    }
    const ports = served && this.#portsOf.get(served.rm);
    return new BranchDriver(id, ports ?? this.#makePorts(id.rm, undefined));
  }

  #makePorts(rm: string, served: ServedResource | undefined): BranchPorts {
    const { ambient, log, link } = this.#options;
    return {
      resource: served?.resource ?? absentResource(rm),
      ambient,
      log,
      beforeCommit: () => served?.positions.beforeCommit(),
      maxPayloadBytes: () => link()?.welcome?.maxPayloadBytes || defaultMaxPayloadBytes,
      vote: (of, vote) => {
        const on = link();
        const bytes = vote.kind === 'yes' ? vote.redo.byteLength : 0;
        const send = () => on?.send('votes', voteMessage(of, vote));
        // Should the session end while it waits, it is said again on the next one.
        if (bytes < smallBytes) send();
        else on?.whenRoom(bytes, send);
      },
      keepVote: (of, vote) => this.#keepVote(of, vote),
      acknowledge: (of, result, why) => {
        const ended = { id: of, result, reason: why };
        const here = this.#transactions.get(of.gid)?.phaseTwo;
        if (here) here.came(ended);
        else this.#acknowledge(ended, true);
      },
      endedAtHome: ({ gid }, result) => this.#transactions.get(gid)?.atHome?.ended?.(result),
      forget: (one) => this.#forget(one),
    };
  }

  #acknowledge({ id, result, reason: why }: BranchSoFar, isUrgent: boolean): void {
    const link = this.#options.link();
    const word = acknowledgement(id, result, why);
    if (isUrgent) link?.send('acknowledgements', word);
    else link?.acknowledgeSoon(word);
  }

  #keepVote({ gid, branch, rm }: BranchId, vote: BranchVote): void {
    const isNo = vote.kind === 'no';
    const named = isNo ? { ...vote, reason: { ...vote.reason, rm: vote.reason.rm || rm } } : vote;
    this.#transactions.get(gid)?.keptVotes?.voted(branch, named);
  }

  #forget(driver: BranchDriver): void {
    const { gid } = driver.id;
    if (this.#strays.size > 0) this.#strays.delete(branchKey(driver.id));
    const transaction = this.#transactions.get(gid);
    if (transaction?.drivers.includes(driver)) {
      transaction.driverForgotten(driver);
      this.release(transaction);
    }
  }

  #driver(ref: BranchRef): BranchDriver | undefined {
    const { branch, rm } = ref;
    const known = this.#transactions.get(ref.gid as Gid)?.drivers.find(({ id }) => {
      return id.branch === branch && id.rm === rm;
    });
    return known ?? (this.#strays.size > 0 ? this.#strays.get(branchKey(ref)) : undefined);
  }

  #allDrivers(): BranchDriver[] {
    const all: BranchDriver[] = [];
    for (const { drivers } of this.#transactions.values()) {
      for (const driver of drivers) all.push(driver);
    }
    for (const driver of this.#strays.values()) all.push(driver);
    return all;
  }

  #held(rm: string): BranchDriver[] {
    return this.#allDrivers().filter(({ id }) => id.rm === rm);
  }
}
