import { randomBytes } from 'node:crypto';

/** The world outside the coordinator, handed in so that tests and the simulator can drive it. */
export interface World {
  /** Monotonic time in milliseconds; never the wall clock (PROTOCOL rule 4). */
  nowMs(): number;
  /** Runs `action` after a time; the answer cancels it. */
  after(delayMs: number, action: () => void): () => void;
  /** Runs `action` at the end of this turn of the event loop. */
  soon(action: () => void): void;
  /** Random bytes in hexadecimal digits: secrets and nonces. */
  randomHex(bytes: number): string;
  /** Time of day for people, ISO 8601. Nothing depends on it. */
  timeOfDay(): string;
}

/** Longest delay of a timer of Node; it takes a longer one for 1 ms. */
const longestDelayMs = 2 ** 31 - 1;

/** The world of a running process. */
export const realWorld: World = {
  nowMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, Math.min(delayMs, longestDelayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (action) => void setImmediate(action),
  randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  timeOfDay: () => new Date().toISOString(),
};
