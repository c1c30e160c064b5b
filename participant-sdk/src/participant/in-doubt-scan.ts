import { type BranchId, failpoint } from '@unanimous/proto';
import { type Ambient, sleep } from '../ambient.ts';
import { describeError, type Log } from '../logger.ts';
import type { Link } from '../session/link.ts';
import type { BranchDriver } from './branch-driver.ts';
import type { AuditEntry } from '../resource.ts';
import type { ServedResource } from './served-resource.ts';
import { branchKey, type BranchRef } from './wire.ts';

/** Questions of one turn; more would keep from leaving what other branches have to say. */
const questionsAtOnce = 1_000;

/** How long a scan waits before it looks again whether there is room for more questions. */
const roomMs = 5;

/** What a scan needs of the participant. */
export interface ScanPorts {
  readonly ambient: Ambient;
  readonly log: Log;
  readonly intervalMs: number;
  driver(ref: BranchRef): BranchDriver | undefined;
  /** Branches of this RM that this instance holds. */
  held(rm: string): readonly BranchDriver[];
  /** Asks the coordinator about a branch that nobody here holds; the verdict comes later. */
  ask(link: Link, id: BranchId): void;
  /** As `ask`, of a vote that waits here. Once its branch is gone, the verdict says nothing. */
  askHeld(link: Link, id: BranchId): void;
  /** As `ask`, of a branch that was committed otherwise than by a decision. */
  askAudited(link: Link, rm: string, entry: AuditEntry): void;
}

/**
 * Finds prepared branches without a live decision and asks for their outcome: first the resource
 * manager, then the coordinator, so that it never races live work; and again and again while the
 * session lives, because a PREPARE may finish in the database after its client died.
 */
export class InDoubtScan {
  readonly #served: ServedResource;
  readonly #link: Link;
  readonly #ports: ScanPorts;
  /** What was asked about on this session, and need not be again. */
  readonly #auditedKeys = new Set<string>();
  #isFirst = true;
  #isStopped = false;
  #callOff: () => void = () => {};

  constructor(served: ServedResource, link: Link, ports: ScanPorts) {
    this.#served = served;
    this.#link = link;
    this.#ports = ports;
  }

  /** Scans now, and from then on at every interval. */
  start(): void {
    void this.#scan();
  }

  /** Of a branch that ended by hand nothing is decided yet: the next scan asks once more. */
  askAgain(ref: BranchRef): void {
    this.#auditedKeys.delete(branchKey(ref));
  }

  stop(): void {
    this.#isStopped = true;
    this.#callOff();
  }

  async #scan(): Promise<void> {
    const { log } = this.#ports;
    const { rm } = this.#served;
    try {
      const found = await this.#findOrphans();
      if (this.#isOver()) return;
      if (found.length > 0) log('branch.in-doubt-found', { rm, count: found.length });
      await this.#askAbout(found, this.#heldInDoubt());
      if (this.#isOver()) return;
      this.#isFirst = false;
      await this.#askAudited(found);
    } catch (error) {
      log('rm.scan-failed', { rm, ...describeError(error) });
      if (!this.#isOver()) await this.#served.reopen(this.#link);
    }
    this.#scheduleNext();
  }

  /** Prepared branches of this RM that this instance does not hold. */
  async #findOrphans(): Promise<BranchId[]> {
    const { resource, rm } = this.#served;
    const found = await resource.scan();
    return found.filter((id) => id.rm === rm && !this.#ports.driver(id));
  }

  /**
   * Asks everything now, for what is in doubt holds locks, but no faster than it leaves. What has had
   * its order meanwhile, as the answer to its vote, is not asked about any more.
   */
  async #askAbout(found: readonly BranchId[], held: readonly BranchDriver[]): Promise<void> {
    if (found.length + held.length > 0) failpoint('p.scan.before-ask', this.#served.rm);
    let asked = 0;
    for (const one of [...found, ...held]) {
      if (asked === questionsAtOnce) {
        await this.#whenThereIsRoom();
        if (this.#isOver()) return;
        asked = 0;
      }
      if ('at' in one) {
        if (one.at !== 'prepared') continue;
        this.#ports.askHeld(this.#link, one.id);
      } else if (!this.#ports.driver(one)) this.#ports.ask(this.#link, one);
      asked += 1;
    }
  }

  async #whenThereIsRoom(): Promise<void> {
    do await sleep(this.#ports.ambient, roomMs);
    while (!this.#link.isIdle && !this.#isOver());
  }

  /**
   * Entries are written before the act: what is still prepared has not ended as its entry says, and of
   * what is held here its driver finds out. They are looked at again with the next scan.
   */
  async #askAudited(found: readonly BranchId[]): Promise<void> {
    const { resource, rm } = this.#served;
    const entries = (await resource.audited?.()) ?? [];
    const isOpen = new Set(found.map((id) => branchKey(id)));
    for (const entry of entries) {
      const ref = { rm, ...entry };
      const key = branchKey(ref);
      if (entry.result !== 'committed' || isOpen.has(key) || this.#auditedKeys.has(key)) continue;
      if (this.#ports.driver(ref)) continue;
      if (this.#isOver()) return;
      this.#auditedKeys.add(key);
      this.#ports.askAudited(this.#link, rm, entry);
    }
  }

  /**
   * Votes that wait for their decision: all of them on a new session, later those that wait for
   * longer than an interval, in case the decision went to another instance.
   */
  #heldInDoubt(): BranchDriver[] {
    const { ambient, intervalMs } = this.#ports;
    const nowMs = ambient.nowMs();
    const doubts: BranchDriver[] = [];
    for (const driver of this.#ports.held(this.#served.rm)) {
      const { at, preparedAtMs = nowMs } = driver;
      const isDue = this.#isFirst || nowMs - preparedAtMs > intervalMs;
      if (at === 'prepared' && isDue) doubts.push(driver);
    }
    return doubts;
  }

  #scheduleNext(): void {
    if (this.#isOver()) return;
    const { ambient, intervalMs } = this.#ports;
    // Never longer than the interval, which bounds how long an orphan keeps its locks.
    const delayMs = intervalMs * (0.75 + ambient.random() / 4);
    this.#callOff = ambient.after(delayMs, () => void this.#scan());
  }

  #isOver(): boolean {
    return this.#isStopped || this.#link.isOver;
  }
}
