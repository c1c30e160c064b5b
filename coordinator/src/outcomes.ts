import { type Birth, compareBirths, type Gid, parseGid } from '@unanimous/proto';

/** An outcome that may be forgotten when its time has come. */
interface Ended {
  readonly gid: Gid;
  readonly untilMs: number;
}

/** What may be forgotten together, and the mark that must be durable before. */
export interface Forgettable {
  readonly gids: readonly Gid[];
  readonly through: Birth;
}

/**
 * Which ended outcomes are still answerable. Time decides only when to forget: what is absent at or
 * below the mark is expired, never aborted (PROTOCOL rule 7).
 */
export class RetainedOutcomes {
  readonly #retainMs: number;
  readonly #atMost: number;
  /** In the order in which they ended. */
  #ended: Ended[] = [];
  /** Highest birth that was forgotten. */
  #mark: Birth = { epoch: 0, counter: 0 };

  constructor(options: { readonly retainMs: number; readonly atMost: number }) {
    this.#retainMs = options.retainMs;
    this.#atMost = options.atMost;
  }

  /** A transaction has ended. */
  add(gid: Gid, nowMs: number): void {
    this.#ended.push({ gid, untilMs: nowMs + this.#retainMs });
  }

  /** Whether absence of a transaction born then means that it was forgotten. */
  isForgotten(birth: Birth): boolean {
    return compareBirths(birth, this.#mark) <= 0;
  }

  /** Takes what may be forgotten now: past its time, or too many. */
  takeForgettable(nowMs: number): Forgettable | undefined {
    const excess = this.#ended.length - this.#atMost;
    const keepFrom = this.#ended.findIndex((e, index) => e.untilMs > nowMs && index >= excess);
    const count = keepFrom === -1 ? this.#ended.length : keepFrom;
    if (count === 0) return undefined;
    const gids = this.#ended.slice(0, count).map((e) => e.gid);
    this.#ended = this.#ended.slice(count);
    const births = gids.map((gid) => parseGid(gid).birth);
    const through = births.reduce((a, b) => (compareBirths(a, b) < 0 ? b : a), this.#mark);
    return { gids, through };
  }

  /** The mark is durable (or was read from the log); it never goes back. */
  markForgotten(through: Birth): void {
    if (compareBirths(through, this.#mark) > 0) this.#mark = through;
  }
}
