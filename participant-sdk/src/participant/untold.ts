import {
  type Alarm,
  type Alarms,
  type Begin,
  type Begun,
  failpoint,
  type Gid,
  UnanimousError,
} from '@unanimous/proto';
import type { Link } from '../session/link.ts';

/** A branch that was opened without a word to the coordinator. */
export interface UntoldBranch {
  readonly number: number;
  readonly rm: string;
  readonly canOnePhase: boolean;
}

/**
 * How long a transaction may be open before the coordinator is told of it: operators shall see it, and
 * its deadline count there, too. Longer than most take even on a busy machine: what is told costs more
 * messages, which a busy machine can do without.
 */
const tellAfterMs = 100;

/** Asks the coordinator to begin a transaction, or tells it of one that has begun. */
export async function askToBegin(link: Link, question: Omit<Begin, 'ref'>): Promise<Begun> {
  const begun = await link.ask('begins', question);
  failpoint('k.begin.acknowledged');
  return begun;
}

const settled = Promise.resolve();

/** What telling needs of its transaction. */
export interface Untellable {
  readonly gid: Gid;
  remainingMs(): number;
  /** The coordinator has refused what has begun already: nothing of it can be committed. */
  refused(error: UnanimousError): void;
}

/**
 * What the coordinator does not know of a transaction that began under a gid of its session's block.
 * It is told before the gid leaves the process, after a while in any case, and otherwise at the end,
 * whole. Told once, the transaction is like any other.
 */
export class Untold {
  readonly link: Link;
  readonly name: string;
  readonly branches: UntoldBranch[] = [];
  readonly #of: Untellable;
  #told: Promise<void> | undefined;
  /** While the time runs after which it is told. */
  #late: Alarm | undefined;

  constructor(of: Untellable, link: Link, name: string, alarms: Alarms) {
    this.#of = of;
    this.link = link;
    this.name = name;
    this.#late = alarms.set(tellAfterMs, () => this.tellIfOpen());
  }

  /** The coordinator knows of it, or will in a moment. */
  get isTold(): boolean {
    return this.#told !== undefined;
  }

  /** It ends without having been told; nothing is told of it any more. */
  settle(): void {
    this.holdBack();
    this.#told ??= settled;
  }

  /** Its commit is asked for: it will be told whole, however long its branches take to prepare. */
  holdBack(): void {
    this.#late?.cancel();
    this.#late = undefined;
  }

  /** Tells of it, unless its commit was asked for. */
  tellIfOpen(): void {
    if (this.#late && !this.link.isOver) void this.tell();
  }

  /** Opens a branch under the next number. */
  add(rm: string, canOnePhase: boolean): number {
    const number = this.branches.length + 1;
    this.branches.push({ number, rm, canOnePhase });
    return number;
  }

  /**
   * Tells the coordinator of the begin and the branches so far. Resolves when it has acknowledged them;
   * order on the session sees to it that what is sent meanwhile comes later. Idempotent.
   * @throws UnanimousError why it was refused; the transaction has ended then.
   */
  tell(): Promise<void> {
    this.holdBack();
    this.#told ??= this.#tellOnce();
    return this.#told;
  }

  #tellOnce(): Promise<void> {
    const { link, name } = this;
    const { gid } = this.#of;
    const timeoutMs = Math.max(1, Math.ceil(this.#of.remainingMs()));
    const branches = this.branches.map(({ rm, canOnePhase }) => ({ rm, canOnePhase }));
    const told = askToBegin(link, { gid, name, timeoutMs, branches }).then(
      () => undefined,
      (error: unknown) => {
        const refusal = UnanimousError.from(error);
        this.#of.refused(refusal);
        throw refusal;
      },
    );
    told.catch(() => undefined); // whoever does not wait for it hears of the transaction's end
    return told;
  }
}
