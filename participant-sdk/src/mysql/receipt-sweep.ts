import { type BranchId, formatBranchId, parseGid } from '@unanimous/proto';
import type { Decided } from '../resource.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { deleteReceipts, oldReceipts } from './receipt-rows.ts';

/** Rows that are deleted at once. */
const portion = 1_000;

/** As many branches are watched for one that commits after the rows were listed. */
const watchedAtMost = 100;

/** How receipts are kept. */
export interface ReceiptSweepOptions {
  /** The least age, for messages still on their way. */
  readonly keepMs: number;
  readonly nowMs: () => number;
}

interface Listed {
  readonly logId: string;
  readonly branches: readonly string[];
  /** Branches that were opened here after the list was made. */
  readonly opened: Set<string>;
  /** Seq of a decision that was made after the list: later than those of all that it holds. */
  afterSeq?: number;
}

/**
 * Deletes receipts that nobody can ask for any more. A row does not know its decision's place in the
 * log, for it was written before; so rows are listed, and go once the low-water mark has passed a
 * decision that is younger than the list: that of a branch which was opened here afterwards. Age alone
 * deletes nothing.
 */
export class ReceiptSweep {
  readonly #pool: PhaseTwoPool;
  readonly #options: ReceiptSweepOptions;
  #listed: Listed | undefined;
  #running: Promise<void> | undefined;
  #ranAtMs = -Infinity;

  constructor(pool: PhaseTwoPool, options: ReceiptSweepOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** A branch is opened. */
  opened(id: BranchId): void {
    const listed = this.#listed;
    if (!listed || listed.afterSeq !== undefined || parseGid(id.gid).logId !== listed.logId) return;
    if (listed.opened.size >= watchedAtMost) listed.opened.clear();
    listed.opened.add(formatBranchId(id));
  }

  /** A branch has committed; lists or deletes at most once a second, beside what goes on. */
  committed(id: BranchId, { seq, lowWaterSeq }: Decided): void {
    const { logId } = parseGid(id.gid);
    const listed = this.#listed;
    if (listed?.opened.has(formatBranchId(id))) listed.afterSeq ??= seq;
    const nowMs = this.#options.nowMs();
    if (this.#running || nowMs - this.#ranAtMs < 1_000) return;
    this.#ranAtMs = nowMs;
    // What fails here is tried again.
    this.#running = this.#run(logId, lowWaterSeq)
      .catch(() => undefined)
      .finally(() => (this.#running = undefined));
  }

  /** Resolves when nothing of it runs. */
  async whenIdle(): Promise<void> {
    await this.#running;
  }

  async #run(logId: string, lowWaterSeq: number): Promise<void> {
    const listed = this.#listed;
    if (listed?.logId === logId) {
      if (listed.afterSeq === undefined || lowWaterSeq < listed.afterSeq) return;
      await deleteReceipts(this.#pool, logId, listed.branches);
      this.#listed = undefined;
    }
    const limits = { ageMs: this.#options.keepMs, limit: portion };
    const branches = await oldReceipts(this.#pool, logId, limits);
    if (branches.length > 0) this.#listed = { logId, branches, opened: new Set() };
  }
}
