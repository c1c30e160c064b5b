import type { Ambient } from '../ambient.ts';
import type { Untold } from '../participant/untold.ts';

/**
 * How long a transaction may be open before the coordinator is told of it. Longer than most take even
 * on a busy machine: what is told costs more messages, which a busy machine can do without.
 */
const tellAfterMs = 100;

/**
 * Tells the coordinator of transactions that stay open: operators shall see them, and their deadlines
 * count there, too. One timer for all of them.
 */
export class LateTelling {
  readonly #ambient: Ambient;
  /** Since when each is open, the oldest first. */
  readonly #open = new Map<Untold, number>();
  #isArmed = false;

  constructor(ambient: Ambient) {
    this.#ambient = ambient;
  }

  add(untold: Untold): void {
    this.#open.set(untold, this.#ambient.nowMs());
    this.#arm();
  }

  /** It is told otherwise, or over. */
  drop(untold: Untold): void {
    this.#open.delete(untold);
  }

  /** Tells all of them now: the coordinator is about to stop. */
  tellAll(): void {
    for (const untold of this.#open.keys()) void untold.tell();
    this.#open.clear();
  }

  #arm(): void {
    if (this.#isArmed || this.#open.size === 0) return;
    this.#isArmed = true;
    this.#ambient.after(tellAfterMs, () => {
      this.#isArmed = false;
      this.#tellDue();
      this.#arm();
    });
  }

  #tellDue(): void {
    const untilMs = this.#ambient.nowMs() - tellAfterMs;
    for (const [untold, sinceMs] of this.#open) {
      if (sinceMs > untilMs) return;
      this.#open.delete(untold);
      if (!untold.link.isOver) void untold.tell().catch(() => undefined);
    }
  }
}
