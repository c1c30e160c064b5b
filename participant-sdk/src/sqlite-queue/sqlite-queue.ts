import {
  type BranchId,
  checkRmName,
  type LogId,
  parseGid,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';
import type {
  Decided,
  Finished,
  OpenBranch,
  Resource,
  ResourceHost,
  RmIdentity,
  SeenPosition,
} from '../resource.ts';
import {
  abortBranch,
  commitBranch,
  forgetReceipts,
  preparedBranches,
  settleBranch,
  type StagedMessage,
} from './branch-rows.ts';
import type { PublishOptions } from './message.ts';
import { readPosition, writePosition } from './position-rows.ts';
import { QueueBranch } from './queue-branch.ts';
import { QueueFile, type QueueFileOptions } from './queue-file.ts';

/** Settings of a queue that takes part in transactions. */
export interface SqliteQueueOptions extends QueueFileOptions {
  /** Name of the resource manager, the same in all processes that serve it. */
  readonly rm: string;
  /** How long receipts stay after nobody needs them; 600,000 unless told. */
  readonly keepReceiptsMs?: number;
  /** The clock, milliseconds since 1970; `Date.now` unless told. */
  readonly now?: () => number;
}

/** A queue in a SQLite file, as a native resource. Read it with `openQueue`. */
export interface SqliteQueue extends Resource {
  /**
   * Publishes within the current transaction. The message is seen when the transaction commits.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, and those of
   * enlisting.
   */
  publish(topic: string, message: unknown, options?: PublishOptions): Promise<void>;
  /** One effect as JSON: `{"topic": "…", "message": …}`, with `headers` and `delayMs` if wanted. */
  acceptWork(id: BranchId, work: Uint8Array): Promise<OpenBranch>;
}

/**
 * Makes a queue resource. It is native: the votes' messages are in the file, prepared, before the
 * coordinator decides, and become visible in the order of the commits. See docs/sqlite-queue.md.
 */
export function sqliteQueue(options: SqliteQueueOptions): SqliteQueue {
  return new QueueResource(options);
}

class QueueResource implements SqliteQueue {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase = false; // prepare and commit cost the same fsync here
  readonly #options: SqliteQueueOptions;
  readonly #now: () => number;
  #host: ResourceHost | undefined;
  #queue: QueueFile | undefined;
  #forgotAtMs = 0;

  constructor(options: SqliteQueueOptions) {
    this.rm = checkRmName(options.rm);
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  async open(): Promise<RmIdentity> {
    this.#queue ??= await QueueFile.open(this.#options);
    const { id, incarnation } = this.#queue.identity;
    return { identity: `sqlite-queue:${id}`, incarnation };
  }

  async publish(topic: string, message: unknown, options: PublishOptions = {}): Promise<void> {
    const staged = stagedMessage(topic, message, options);
    const { rm } = this;
    const queue = this.#opened();
    const branch = this.#host?.branch((id) => new QueueBranch(id, { queue, now: this.#now }));
    if (!branch) {
      throw new UnanimousError('no-transaction', `publish to ${rm} outside of a transaction`, {
        rm,
      });
    }
    (await branch).stage(staged);
  }

  async acceptWork(id: BranchId, work: Uint8Array): Promise<QueueBranch> {
    const { topic, message, headers, delayMs } = readWork(work);
    const staged = stagedMessage(topic, message, { headers, delayMs });
    const branch = new QueueBranch(id, { queue: this.#opened(), now: this.#now });
    branch.stage(staged);
    return branch;
  }

  async commit(id: BranchId, decided: Decided): Promise<Finished> {
    const queue = this.#opened();
    if (decided.receipt !== '' && decided.receipt !== queue.identity.id) {
      const message = `${id.gid} was prepared in queue ${decided.receipt}, not in ${queue.file}`;
      return { result: 'unknown', reason: reason('heuristic', message, this.rm) };
    }
    return queue.write((sql) => {
      const nowMs = this.#now();
      const finished = commitBranch(sql, id, decided, nowMs);
      if (Math.abs(nowMs - this.#forgotAtMs) >= 1_000) {
        this.#forgotAtMs = nowMs;
        const beforeMs = nowMs - (this.#options.keepReceiptsMs ?? 600_000);
        const { logId } = parseGid(id.gid);
        forgetReceipts(sql, { logId, lowWaterSeq: decided.lowWaterSeq, beforeMs });
      }
      return finished;
    });
  }

  async abort(id: BranchId): Promise<Finished> {
    return this.#opened().write((sql) => abortBranch(sql, id, this.#now()));
  }

  async settle(id: BranchId): Promise<Finished | { readonly result: 'in-progress' }> {
    return this.#opened().read((sql) => settleBranch(sql, id));
  }

  async scan(): Promise<readonly BranchId[]> {
    return this.#opened().read((sql) => preparedBranches(sql, this.rm));
  }

  async remembered(logId: LogId): Promise<SeenPosition | undefined> {
    return this.#opened().read((sql) => readPosition(sql, logId));
  }

  async remember(position: SeenPosition): Promise<void> {
    await this.#opened().write((sql) => writePosition(sql, position));
  }

  async close(): Promise<void> {
    const queue = this.#queue;
    this.#queue = undefined;
    await queue?.close();
  }

  #opened(): QueueFile {
    const { rm } = this;
    if (!this.#queue) throw new UnanimousError('unknown-rm', `${rm} is not served here`, { rm });
    return this.#queue;
  }
}

function stagedMessage(topic: unknown, message: unknown, options: WorkOptions): StagedMessage {
  const { headers = {}, delayMs = 0 } = options;
  if (typeof topic !== 'string' || topic === '' || topic.length > 255) {
    throw new UnanimousError('invalid-argument', 'topic: not a text of 1 to 255 characters');
  }
  if (typeof delayMs !== 'number' || !Number.isSafeInteger(delayMs) || delayMs < 0) {
    throw new UnanimousError('invalid-argument', `delayMs: ${String(delayMs)} is not a duration`);
  }
  const isTexts = Object.values(headers as object).every((value) => typeof value === 'string');
  if (!isTexts) throw new UnanimousError('invalid-argument', 'headers: not all values are texts');
  return {
    topic,
    body: effectText(message, { name: 'message', allowToJson: true }),
    headers: JSON.stringify(headers),
    delayMs,
  };
}

interface WorkOptions {
  readonly headers?: unknown;
  readonly delayMs?: unknown;
}

function readWork(work: Uint8Array): WorkOptions & { topic?: unknown; message?: unknown } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(work).toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // reported below
  }
  throw new UnanimousError('invalid-argument', 'work: not {"topic": "…", "message": …} as JSON');
}
