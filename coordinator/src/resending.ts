import { failpoint, type Gid } from '@unanimous/proto';
import type { Entry } from './entry.ts';
import { tellBranch } from './messages.ts';
import { type Message, outstanding } from './protocol/step.ts';
import type { ResourceManagers } from './resource-managers.ts';
import type { World } from './world.ts';

/** Bytes that may wait for a peer before more is sent to it again. */
const resendWindowBytes = 2 * 1_024 * 1_024;

/** Bytes that may wait for a peer before a commit with a payload is held back; half of its outbox. */
const holdBackBytes = 8 * 1_024 * 1_024;

/** Finds a transaction that is live, unfinished or still answerable. */
type Find = (gid: Gid) => Entry | undefined;

/** Tells participants of decisions when, and as fast as, they can read them. */
export class Resending {
  readonly #rms: ResourceManagers;
  readonly #world: World;
  readonly #find: Find;
  /** Resource managers to which held back commits are being sent. */
  readonly #catchingUp = new Set<string>();
  #isStopped = false;

  constructor(rms: ResourceManagers, world: World, find: Find) {
    this.#rms = rms;
    this.#world = world;
    this.#find = find;
  }

  /**
   * Somebody serves a resource manager: it hears again all that it owes (PROTOCOL rule 10), no faster
   * than it reads. What is acknowledged meanwhile is skipped.
   */
  async resend(rm: string): Promise<void> {
    for (const gid of this.#rms.owedBy(rm)) {
      if (!(await this.#roomFor(rm))) return;
      this.#tellAgain(gid, rm);
      failpoint('c.resend.told-one', rm);
    }
  }

  /**
   * Whether a message must wait, for its payload would overflow the outbox of a peer and so end its
   * session; it is sent by itself later.
   */
  holdsBack(entry: Entry, { kind, branch }: Message): boolean {
    const { rm, session, redo } = branch;
    if (redo.byteLength === 0 || (kind !== 'commit' && kind !== 'apply')) return false;
    const writer = this.#rms.pick(rm, session)?.session.writer;
    if (!writer || writer.waitingBytes + redo.byteLength <= holdBackBytes) return false;
    const debt = entry.debts.find((one) => one.branch === branch.branch);
    if (!debt) return false;
    debt.isHeldBack = true;
    void this.#catchUp(rm);
    return true;
  }

  /** The log has failed: nobody hears anything more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Sends what was held back, no faster than it is read. */
  async #catchUp(rm: string): Promise<void> {
    if (this.#catchingUp.has(rm)) return;
    this.#catchingUp.add(rm);
    for (let debts = this.#rms.heldBack(rm); debts.length > 0; debts = this.#rms.heldBack(rm)) {
      for (const debt of debts) {
        // Where nobody serves it now, whoever does next hears of all that is owed.
        const isServed = await this.#roomFor(rm);
        debt.isHeldBack = false;
        if (isServed) this.#tellAgain(debt.gid, rm, debt.branch);
      }
    }
    this.#catchingUp.delete(rm);
  }

  /** Waits until whoever serves it has read on; false: nobody does, or all is over here. */
  async #roomFor(rm: string): Promise<boolean> {
    const writer = this.#rms.pick(rm)?.session.writer;
    if (!writer || this.#isStopped) return false;
    while (writer.waitingBytes > resendWindowBytes && !writer.closed) {
      await new Promise<void>((resolve) => this.#world.after(5, resolve));
    }
    return true;
  }

  /** All that is outstanding of a transaction at a resource manager, or of one branch. */
  #tellAgain(gid: Gid, rm: string, branch?: number): void {
    const entry = this.#find(gid);
    if (!entry) return;
    for (const message of outstanding(entry.state, rm)) {
      if (branch !== undefined && message.branch.branch !== branch) continue;
      tellBranch(this.#rms, entry.state, message, 0);
    }
  }
}
