/** Numbers that look random and are the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A source of its own for one part of the world, so that parts do not shift each other. */
  static of(seed: number, part: string): Random {
    let hash = 0x811c9dc5 ^ seed;
    for (let at = 0; at < part.length; at++) {
      hash = Math.imul(hash ^ part.charCodeAt(at), 0x01000193);
    }
    const random = new Random(hash);
    random.next();
    return random;
  }

  /** At least 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True as often as told, from 0 to 1. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)] as T;
  }

  /** Mostly near the least, rarely far: how delays are. */
  delay(least: number, most: number): number {
    const x = this.next();
    return least + (most - least) * x * x * x;
  }

  hex(bytes: number): string {
    let text = '';
    for (let n = 0; n < bytes; n++) text += this.int(0, 255).toString(16).padStart(2, '0');
    return text;
  }
}
