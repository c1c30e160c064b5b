import { type BranchId, formatBranchId } from '@unanimous/proto';
import type { WorkConnection } from './work-connection.ts';

/** How long a prepared branch keeps its connection while it waits for the decision. */
const heldMs = 1_000;

interface Held {
  readonly connection: WorkConnection;
  readonly timer: NodeJS.Timeout;
}

/**
 * The connections of prepared branches. Until its session ends, only the session that prepared can
 * finish a branch, and a session that is reset instead loses the branch in silence. So nobody gets
 * such a connection back: it commits, or it is ended so that any other session can.
 */
export class HeldBranches {
  readonly #held = new Map<string, Held>();
  #isClosed = false;

  /** Keeps a connection for the decision, or ends it when there is no waiting any more. */
  hold(id: BranchId, connection: WorkConnection): void {
    const key = formatBranchId(id);
    if (this.#isClosed) return void connection.quit();
    const timer = setTimeout(() => void this.take(id)?.quit(), heldMs);
    timer.unref();
    this.#held.set(key, { connection, timer });
    connection.onLost(() => void this.take(id)?.quit());
  }

  /** The connection that prepared a branch, if it still waits here; the caller ends or frees it. */
  take(id: BranchId): WorkConnection | undefined {
    const key = formatBranchId(id);
    const held = this.#held.get(key);
    clearTimeout(held?.timer);
    this.#held.delete(key);
    return held?.connection;
  }

  /** Ends them all. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const { timer } of held) clearTimeout(timer);
    await Promise.all(held.map(({ connection }) => connection.quit()));
  }
}
