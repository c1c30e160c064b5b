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

/** A commit that a resource manager has not acknowledged. */
export interface Owed {
  readonly gid: Gid;
  readonly seq: number;
  readonly bytes: number;
}

interface ResourceManager {
  readonly servings: Map<number, Serving>;
  /** By gid and branch, in the order of the decisions. */
  readonly owed: Map<string, Owed>;
  /** Decisions that are told again should the coordinator restart now, in their order. */
  readonly unended: Map<Gid, number>;
  unappliedBytes: number;
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
  owe(rm: string, branch: number, owed: Owed): void {
    const manager = this.#of(rm);
    manager.owed.set(keyOf(owed.gid, branch), owed);
    manager.unappliedBytes += owed.bytes;
    if (!manager.unended.has(owed.gid)) manager.unended.set(owed.gid, owed.seq);
  }

  /** It owes it no longer. */
  paid(rm: string, gid: Gid, branch: number): void {
    const manager = this.#of(rm);
    const key = keyOf(gid, branch);
    manager.unappliedBytes -= manager.owed.get(key)?.bytes ?? 0;
    manager.owed.delete(key);
  }

  /** That the transaction is over is durable: it is never told of it again. */
  ended(rm: string, gid: Gid): void {
    this.#byName.get(rm)?.unended.delete(gid);
  }

  /** Transactions of which it owes something, in the order of their decisions. */
  owedBy(rm: string): Gid[] {
    return [...new Set([...this.#of(rm).owed.values()].map((owed) => owed.gid))];
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
    return this.#byName.get(rm)?.unended.values().next().value ?? fallback;
  }

  #of(name: string): ResourceManager {
    let rm = this.#byName.get(name);
    if (rm === undefined) {
      rm = { servings: new Map(), owed: new Map(), unended: new Map(), unappliedBytes: 0 };
      this.#byName.set(name, rm);
    }
    return rm;
  }
}

function keyOf(gid: Gid, branch: number): string {
  return `${gid}.${branch}`;
}
