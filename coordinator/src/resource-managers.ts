import type { CoordinatorFrame, FrameWriter, Gid } from '@unanimous/proto';
import type { BranchKind } from './protocol/record.ts';

/** A session, as far as phase one and two need it. */
export interface SessionPort {
  /** Number within the epoch, from 1. */
  readonly number: number;
  readonly instance: string;
  readonly writer: Pick<FrameWriter<CoordinatorFrame>, 'add' | 'waitingBytes' | 'closed'>;
}

/** One session's service of a resource manager. */
export interface Serving {
  readonly session: SessionPort;
  readonly kind: BranchKind;
  readonly incarnation: string;
  readonly takesWork: boolean;
}

interface ResourceManager {
  readonly servings: Map<number, Serving>;
  /** In the order of the decisions; before `oldest` all are over. */
  debts: Debt[];
  oldest: number;
  /** How many of them are over. */
  overCount: number;
  unappliedBytes: number;
}

/** The commit of one branch, which its resource manager must acknowledge. */
export class Debt {
  readonly gid: Gid;
  readonly branch: number;
  /** Place of the decision in the log. */
  readonly seq: number;
  readonly #bytes: number;
  readonly #of: ResourceManager;
  /** Its commit was not sent yet, for too much waited for whoever serves it. */
  isHeldBack = false;
  #isPaid = false;
  #isOver = false;

  constructor(
    of: ResourceManager,
    owed: { readonly gid: Gid; readonly branch: number; readonly seq: number },
    bytes: number,
  ) {
    this.gid = owed.gid;
    this.branch = owed.branch;
    this.seq = owed.seq;
    this.#bytes = bytes;
    this.#of = of;
    of.debts.push(this);
    of.unappliedBytes += bytes;
  }

  /** It was acknowledged, or somebody has spoken on it. */
  get isPaid(): boolean {
    return this.#isPaid;
  }

  /** Nobody is ever told of it again, whoever restarts. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is owed no longer. Idempotent. */
  pay(): void {
    if (this.#isPaid) return;
    this.#isPaid = true;
    this.#of.unappliedBytes -= this.#bytes;
  }

  /** That its transaction is over is durable: nobody is ever told of it again. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const of = this.#of;
    of.overCount += 1;
    while (of.debts[of.oldest]?.isOver) of.oldest += 1;
    if (of.overCount < 1_024 || 2 * of.overCount < of.debts.length) return;
    // One that is stuck for days must not keep all that came after it.
    of.debts = of.debts.filter((debt) => !debt.isOver);
    of.oldest = 0;
    of.overCount = 0;
  }
}

/** Who serves which resource manager, and what each still owes. */
export class ResourceManagers {
  readonly #byName = new Map<string, ResourceManager>();

  /** A session serves it from now on. */
  serve(rm: string, serving: Serving): void {
    this.#of(rm).servings.set(serving.session.number, serving);
  }

  /** A session serves it no more. */
  stopServing(rm: string, session: number): void {
    this.#byName.get(rm)?.servings.delete(session);
  }

  /** A session serves nothing more; answers what it served. */
  leave(session: number): string[] {
    const left: string[] = [];
    for (const [name, rm] of this.#byName) if (rm.servings.delete(session)) left.push(name);
    return left;
  }

  /** The preferred session's service while it lasts, otherwise anybody's. */
  pick(rm: string, preferred = 0): Serving | undefined {
    const servings = this.#byName.get(rm)?.servings;
    return servings?.get(preferred) ?? servings?.values().next().value;
  }

  /** The service of one session alone. */
  servedBy(rm: string, session: number): Serving | undefined {
    return this.#byName.get(rm)?.servings.get(session);
  }

  /** Somebody who takes work for it. */
  pickWorker(rm: string): Serving | undefined {
    const servings = this.#byName.get(rm)?.servings.values() ?? [];
    return [...servings].find((serving) => serving.takesWork);
  }

  /** Whether anybody has served it in this epoch. */
  isKnown(rm: string): boolean {
    return this.#byName.has(rm);
  }

  /** Names of what a session serves. */
  servedNames(session: number): string[] {
    return [...this.#byName].filter(([, rm]) => rm.servings.has(session)).map(([name]) => name);
  }

  /** The resource manager owes an acknowledgement of a branch. */
  owe(
    rm: string,
    owed: { readonly gid: Gid; readonly branch: number; readonly seq: number },
    bytes: number,
  ): Debt {
    return new Debt(this.#of(rm), owed, bytes);
  }

  /** Transactions of which it owes something, in the order of their decisions. */
  owedBy(rm: string): Gid[] {
    const { debts, oldest } = this.#of(rm);
    const owed = debts.slice(oldest).filter((debt) => !debt.isPaid);
    return [...new Set(owed.map(({ gid }) => gid))];
  }

  /** What was not sent yet, the oldest first. */
  heldBack(rm: string): Debt[] {
    const { debts, oldest } = this.#of(rm);
    return debts.slice(oldest).filter((debt) => debt.isHeldBack);
  }

  /** Redo bytes that are decided and not applied. */
  unappliedBytes(rm: string): number {
    return this.#byName.get(rm)?.unappliedBytes ?? 0;
  }

  /**
   * Nothing decided at a lower seq is ever told again (PROTOCOL rule 16). That it was acknowledged is
   * not enough: what the log does not know to be over is told again after a restart.
   */
  lowWaterSeq(rm: string, fallback: number): number {
    const manager = this.#byName.get(rm);
    return manager?.debts[manager.oldest]?.seq ?? fallback;
  }

  #of(name: string): ResourceManager {
    let rm = this.#byName.get(name);
    if (rm === undefined) {
      rm = {
        servings: new Map(),
        debts: [],
        oldest: 0,
        overCount: 0,
        unappliedBytes: 0,
      };
      this.#byName.set(name, rm);
    }
    return rm;
  }
}
