import type { Ambient } from '../../participant-sdk/src/ambient.ts';
import type { World } from '../../coordinator/src/world.ts';
import type { SimClock } from './clock.ts';
import type { Random } from './random.ts';

/** Where a process may die: beside each of its effects on the world. */
export type Boundary = 'frame' | 'log' | 'rm' | 'call';

/** How a process touches the simulated world. */
export interface ProcessOptions {
  readonly name: string;
  readonly clock: SimClock;
  readonly random: Random;
  /** Length of a turn of its event loop. */
  readonly turnMs: number;
  /** Called before and after each effect; it may kill the process. */
  readonly onEffect: (process: SimProcess, boundary: Boundary) => void;
}

/**
 * One incarnation of a process. Once it is dead nothing of it has any effect, whatever its promises
 * still do. While it is paused its events wait, and all of them come when it wakes.
 */
export class SimProcess {
  readonly name: string;
  isAlive = true;
  readonly random: Random;
  readonly #clock: SimClock;
  readonly #turnMs: number;
  readonly #onEffect: ProcessOptions['onEffect'];
  readonly #originMs: number;
  readonly #deathListeners: (() => void)[] = [];
  #waiting: (() => void)[] | undefined;
  #isWaking = false;

  constructor({ name, clock, random, turnMs, onEffect }: ProcessOptions) {
    this.name = name;
    this.random = random;
    this.#clock = clock;
    this.#turnMs = turnMs;
    this.#onEffect = onEffect;
    this.#originMs = random.int(0, 1_000_000);
  }

  get isPaused(): boolean {
    return this.#waiting !== undefined;
  }

  /** Something comes to the process: a frame, a timer, an answer. */
  run(action: () => void): void {
    if (!this.isAlive) return;
    if (this.#waiting) this.#waiting.push(action);
    else action();
  }

  after(delayMs: number, action: () => void): () => void {
    return this.#clock.after(delayMs, action, this);
  }

  /** As `after`, of what nobody calls off. */
  later(delayMs: number, action: () => void): void {
    this.#clock.later(delayMs, action, this);
  }

  /** The process is about to touch the world, or just has; false: it has died here. */
  effect(boundary: Boundary): boolean {
    if (this.isAlive) this.#onEffect(this, boundary);
    return this.isAlive;
  }

  pause(): void {
    this.#waiting ??= [];
    this.#isWaking = false;
  }

  /** What waited comes in its order, each in a turn of its own, and before whatever comes next. */
  wake(): void {
    if (!this.#waiting || this.#isWaking) return;
    this.#isWaking = true;
    this.#wakeOne();
  }

  #wakeOne(): void {
    if (!this.#isWaking || !this.#waiting) return;
    const action = this.#waiting.shift();
    if (!action) {
      this.#waiting = undefined;
      this.#isWaking = false;
      return;
    }
    this.#clock.after(0, () => this.#wakeOne());
    action();
  }

  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#waiting = undefined;
    for (const listener of this.#deathListeners) listener();
  }

  onDeath(listener: () => void): void {
    this.#deathListeners.push(listener);
  }

  /** The SDK's view of the world. */
  ambient(): Ambient {
    return {
      nowMs: () => this.#clock.nowMs + this.#originMs,
      after: (delayMs, task) => this.after(delayMs, task),
      soon: (task) => this.later(this.#turnMs, task),
      random: () => this.random.next(),
      instanceName: () => this.name,
    };
  }

  /** The coordinator's view of the world. `wallClockMs` jumps as it likes. */
  world(wallClockMs: () => number): World {
    return {
      nowMs: () => this.#clock.nowMs + this.#originMs,
      after: (delayMs, action) => this.after(delayMs, action),
      soon: (action) => this.later(this.#turnMs, action),
      randomHex: (bytes) => this.random.hex(bytes),
      timeOfDay: () => new Date(wallClockMs()).toISOString(),
    };
  }
}
