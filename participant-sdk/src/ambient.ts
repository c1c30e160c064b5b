import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * What the SDK takes from the world besides connections: clock, timers, chance. The simulator and
 * the tests put their own in its place. All times are monotonic; the wall clock decides nothing.
 */
export interface Ambient {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Runs `task` after a time; gives the function that calls it off. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` at the end of this turn of the event loop. */
  soon(task: () => void): void;
  /** At least 0, below 1. */
  random(): number;
  /** Name of this incarnation of the process: never the same twice. */
  instanceName(): string;
}

/** The longest delay that Node's timers take; a longer one would fire at once. */
const maxDelayMs = 2 ** 31 - 1;

/** The real world. */
export const systemAmbient: Ambient = {
  nowMs: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(Math.max(0, delayMs), maxDelayMs));
    return () => clearTimeout(timer);
  },
  soon: (task) => void setImmediate(task),
  random: () => Math.random(),
  instanceName: () => `${hostname().slice(0, 40)}-${process.pid}-${randomBytes(6).toString('hex')}`,
};

/** Resolves after a time. */
export function sleep(ambient: Ambient, delayMs: number): Promise<void> {
  return new Promise((resolve) => void ambient.after(delayMs, resolve));
}

/** Settles as `promise` does, but after `limitMs` at the latest, then with what `late` gives. */
export function within<T>(
  ambient: Ambient,
  limitMs: number,
  promise: Promise<T>,
  late: () => T | Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = ambient.after(limitMs, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
    const settle =
      <A>(how: (answer: A) => void) =>
      (answer: A): void => {
        callOff();
        how(answer);
      };
    promise.then(settle(resolve), settle(reject));
  });
}
