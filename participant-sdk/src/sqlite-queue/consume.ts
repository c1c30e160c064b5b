import { setTimeout as delay } from 'node:timers/promises';
import { UnanimousError } from '@unanimous/proto';
import type { QueueMessage } from './message.ts';
import type { Queue } from './open-queue.ts';

/** What handles a message: done when it returns, tried again when it throws. */
export type Handler<T> = (
  message: QueueMessage<T>,
  context: HandlerContext,
) => Promise<void> | void;

/** What a handler is told besides the message. */
export interface HandlerContext {
  /** Fires when the lease is lost: another reader will get the message. */
  readonly signal: AbortSignal;
}

/** Settings of `consume`. */
export interface ConsumeOptions {
  /** Ends the consumer; handlers that run are waited for. */
  readonly signal: AbortSignal;
  /** How many messages are handled side by side; 1 unless told, which keeps their order. */
  readonly concurrency?: number;
  /** How long after a crash of this process the message comes again; 30,000 unless told. */
  readonly visibilityMs?: number;
  /** Delay before the next delivery; doubles from 1 s to 60 s unless told. */
  readonly retryDelayMs?: (deliveries: number) => number;
  /** Told of each failed delivery, and of trouble with the file (then without a message). */
  readonly onError?: (error: unknown, message?: QueueMessage) => void;
}

/** What a consumer needs of its queue. */
export interface ConsumeSource {
  readonly queue: Queue;
  readonly topic: string;
  readonly changes: () => number;
  readonly waitForMore: (changes: number, signal: AbortSignal) => Promise<void>;
}

/** Runs handlers until the signal fires. See `Queue.consume`. */
export async function consume<T>(
  source: ConsumeSource,
  handler: Handler<T>,
  options: ConsumeOptions,
): Promise<void> {
  const { signal, concurrency = 1 } = options;
  const running = new Set<Promise<void>>();
  try {
    while (!signal.aborted) {
      const free = concurrency - running.size;
      if (free <= 0) {
        await Promise.race(running);
        continue;
      }
      for (const message of await receiveOrWait<T>(source, free, options)) {
        const handled = handle(source.queue, message, handler, options);
        running.add(handled);
        void handled.finally(() => running.delete(handled));
      }
    }
  } finally {
    await Promise.allSettled(running);
  }
}

async function receiveOrWait<T>(
  { queue, topic, changes, waitForMore }: ConsumeSource,
  max: number,
  { signal, visibilityMs = 30_000, onError }: ConsumeOptions,
): Promise<QueueMessage<T>[]> {
  try {
    const seen = changes();
    const messages = await queue.receive<T>({ topic, max, visibilityMs });
    if (messages.length === 0) await waitForMore(seen, signal);
    return messages;
  } catch (error) {
    if (!UnanimousError.from(error).retryable) throw error;
    onError?.(error);
    await delay(500, undefined, { signal }).catch(() => {});
    return [];
  }
}

/** Never rejects: what fails comes again when the lease runs out. */
async function handle<T>(
  queue: Queue,
  message: QueueMessage<T>,
  handler: Handler<T>,
  options: ConsumeOptions,
): Promise<void> {
  const { visibilityMs = 30_000, retryDelayMs = defaultRetryDelayMs, onError } = options;
  const lost = new AbortController();
  const extend = async () => {
    const isHeld = await queue.extend(message, visibilityMs).catch(() => true);
    if (!isHeld) lost.abort(new Error(`the lease of ${message.id} is lost`));
  };
  const timer = setInterval(() => void extend(), Math.max(1, Math.floor(visibilityMs / 3)));
  try {
    await handler(message, { signal: lost.signal });
    await queue.acknowledge(message);
  } catch (cause) {
    onError?.(cause, message);
    const error = cause instanceof Error ? cause.message : String(cause);
    const delayMs = retryDelayMs(message.deliveries);
    await queue.release(message, { delayMs, error }).catch((again) => onError?.(again, message));
  } finally {
    clearInterval(timer);
  }
}

function defaultRetryDelayMs(deliveries: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.min(deliveries - 1, 6));
}
