import { randomUUID } from 'node:crypto';
import { UnanimousError } from '@unanimous/proto';
import { ChangeWatch } from './change-watch.ts';
import { consume, type ConsumeOptions, type Handler } from './consume.ts';
import { type DeadLetterQuery, listDeadLetters, redrive } from './dead-letter-rows.ts';
import {
  acknowledge,
  buryMessage,
  extendLease,
  type Held,
  leaseMessages,
  readableAtMs,
  releaseMessage,
} from './lease-rows.ts';
import { type DeadLetter, type QueueMessage, readMessage } from './message.ts';
import { QueueFile, type QueueFileOptions } from './queue-file.ts';
import { readStats, type TopicStats } from './queue-stats.ts';

/** Settings of a reader. */
export interface OpenQueueOptions extends QueueFileOptions {
  /** A message that was received so often and never acknowledged dies; 10 unless told. */
  readonly maxDeliveries?: number;
  /** The clock, milliseconds since 1970; `Date.now` unless told. */
  readonly now?: () => number;
}

/** What to receive. */
export interface ReceiveRequest {
  readonly topic: string;
  /** At most so many; 1 unless told. */
  readonly max?: number;
  /** How long they are this reader's alone; 30,000 unless told. */
  readonly visibilityMs?: number;
}

/** How a message is given back. */
export interface ReleaseRequest {
  /** Not to be received before; 0 unless told. */
  readonly delayMs?: number;
  /** Why it was not done; kept with the message, and its reason when it dies. */
  readonly error?: string;
}

/** Settings of `messages`. */
export interface MessagesRequest {
  readonly topic: string;
  readonly visibilityMs?: number;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a queue for reading. No coordinator and no transaction is needed, and any number of
 * processes may read the same file.
 * @throws UnanimousError `rm-unavailable` with the remedy.
 */
export async function openQueue(options: OpenQueueOptions): Promise<Queue> {
  return new Queue(await QueueFile.open(options), options);
}

/** A reader of a queue. Messages come at least once, in the order of the commits. */
export class Queue {
  readonly #queue: QueueFile;
  readonly #watch: ChangeWatch;
  readonly #maxDeliveries: number;
  readonly #now: () => number;

  /** @internal Use `openQueue`. */
  constructor(queue: QueueFile, options: OpenQueueOptions) {
    this.#queue = queue;
    this.#watch = new ChangeWatch(queue.file);
    this.#maxDeliveries = options.maxDeliveries ?? 10;
    this.#now = options.now ?? Date.now;
  }

  /** Takes the oldest ready messages and hides them from other readers for a time. */
  async receive<T = unknown>(request: ReceiveRequest): Promise<QueueMessage<T>[]> {
    const { topic, max = 1, visibilityMs = 30_000 } = request;
    checkCount('max', max);
    checkCount('visibilityMs', visibilityMs);
    const readable = this.#queue.read((sql) => readableAtMs(sql, topic, this.#now()));
    if (readable === undefined || readable > this.#now()) return []; // a look takes no write lock
    const lease = randomUUID();
    const rows = await this.#queue.write((sql) => {
      const wanted = { topic, max, visibilityMs, maxDeliveries: this.#maxDeliveries, lease };
      return leaseMessages(sql, wanted, this.#now());
    });
    return rows.map((row) => ({ ...readMessage<T>(row), lease }));
  }

  /**
   * The message is done: deletes it. False when the lease had run out: another reader has it or
   * will get it.
   */
  acknowledge(message: QueueMessage): Promise<boolean> {
    const { topic } = message;
    return this.#queue.write((sql) => acknowledge(sql, message, topic, this.#now()));
  }

  /** Gives the message back. The last delivery that it may have makes it a dead letter. */
  release(message: Held, { delayMs = 0, error }: ReleaseRequest = {}): Promise<boolean> {
    const release = { delayMs, error, maxDeliveries: this.#maxDeliveries };
    return this.#queue.write((sql) => releaseMessage(sql, message, release, this.#now()));
  }

  /** Keeps the message for another `visibilityMs` from now on. False when the lease is lost. */
  extend(message: Held, visibilityMs: number): Promise<boolean> {
    checkCount('visibilityMs', visibilityMs);
    return this.#queue.write((sql) => extendLease(sql, message, visibilityMs, this.#now()));
  }

  /** Gives the message up at once: it can never be done. False when the lease is lost. */
  bury(message: Held, reason: string): Promise<boolean> {
    return this.#queue.write((sql) => buryMessage(sql, message, reason, this.#now()));
  }

  /** Messages that were given up, in their order. */
  async deadLetters<T = unknown>(query: DeadLetterQuery): Promise<DeadLetter<T>[]> {
    return this.#queue.read((sql) => listDeadLetters<T>(sql, query));
  }

  /** Puts dead letters of a topic back into the queue, all or those with these ids; how many. */
  redrive(topic: string, ids?: readonly string[]): Promise<number> {
    return this.#queue.write((sql) => redrive(sql, topic, ids));
  }

  /** Counts, per topic. */
  async stats(): Promise<TopicStats[]> {
    return this.#queue.read((sql) => readStats(sql, this.#now()));
  }

  /** Messages one by one, waiting for more until the signal fires. Acknowledge each. */
  async *messages<T = unknown>(request: MessagesRequest): AsyncGenerator<QueueMessage<T>> {
    const { topic, visibilityMs, signal } = request;
    const wanted = visibilityMs === undefined ? { topic } : { topic, visibilityMs };
    const isOver = () => signal?.aborted === true;
    while (!isOver()) {
      const changes = this.#watch.changes;
      const received = await this.receive<T>(wanted);
      if (received.length === 0) await this.#waitForMore(topic, changes, signal);
      yield* received;
    }
  }

  /**
   * Hands each message to a handler until the signal fires, then waits for those that run. Done
   * when the handler returns, given back with a growing delay when it throws; leases are extended
   * while it works.
   */
  consume<T = unknown>(topic: string, handler: Handler<T>, options: ConsumeOptions): Promise<void> {
    const waitForMore = (changes: number, signal: AbortSignal) =>
      this.#waitForMore(topic, changes, signal);
    return consume(
      { queue: this, topic, changes: () => this.#watch.changes, waitForMore },
      handler,
      options,
    );
  }

  /** Stops waiting and closes the file. Idempotent. */
  async close(): Promise<void> {
    this.#watch.close();
    await this.#queue.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #waitForMore(topic: string, changes: number, signal?: AbortSignal): Promise<void> {
    const nowMs = this.#now();
    const atMs = this.#queue.read((sql) => readableAtMs(sql, topic, nowMs)) ?? Infinity;
    const longestMs = this.#watch.isReporting ? 2_000 : 200;
    await this.#watch.wait(changes, Math.min(longestMs, Math.max(atMs - nowMs, 1)), signal);
  }
}

function checkCount(name: string, count: number): void {
  if (Number.isSafeInteger(count) && count > 0) return;
  throw new UnanimousError('invalid-argument', `${name}: ${count} is not a positive whole number`);
}
