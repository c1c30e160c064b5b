/**
 * A set of states by 64 bits of hash in two flat arrays: 8 bytes a slot, tens of millions fit. Two
 * states with one hash would be taken for one; with 10^8 states the chance of any such pair is
 * below 0.03 %.
 */
export class StateSet {
  size = 0;
  #mask: number;
  #high: Uint32Array;
  #low: Uint32Array;

  constructor(capacity = 1 << 16) {
    this.#mask = capacity - 1;
    this.#high = new Uint32Array(capacity);
    this.#low = new Uint32Array(capacity);
  }

  /** Adds a state; false when it was there. */
  add(state: Uint32Array): boolean {
    let a = 0x9e3779b9;
    let b = 0x85ebca6b;
    for (let i = 0; i < state.length; i += 1) {
      const word = state[i] as number;
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a ^= a >>> 15;
      b = Math.imul(b + word, 0x1b873593);
      b = (b << 13) | (b >>> 19);
    }
    a = Math.imul(a ^ (a >>> 16), 0x7feb352d);
    b = Math.imul(b ^ (b >>> 15), 0x846ca68b);
    a = (a ^ (a >>> 13)) >>> 0;
    b = (b ^ (b >>> 16)) >>> 0;
    if (this.size * 10 > this.#mask * 6) this.#grow();
    return this.#insert(a, b === 0 && a === 0 ? 1 : b);
  }

  #insert(a: number, b: number): boolean {
    const high = this.#high;
    const low = this.#low;
    let slot = (a ^ Math.imul(b, 0x9e3779b1)) & this.#mask;
    for (;;) {
      const knownA = high[slot];
      const knownB = low[slot];
      if (knownA === 0 && knownB === 0) break;
      if (knownA === a && knownB === b) return false;
      slot = (slot + 1) & this.#mask;
    }
    high[slot] = a;
    low[slot] = b;
    this.size += 1;
    return true;
  }

  #grow(): void {
    const high = this.#high;
    const low = this.#low;
    const capacity = high.length * 2;
    this.#mask = capacity - 1;
    this.#high = new Uint32Array(capacity);
    this.#low = new Uint32Array(capacity);
    this.size = 0;
    for (let i = 0; i < high.length; i += 1) {
      const a = high[i] as number;
      const b = low[i] as number;
      if (a !== 0 || b !== 0) this.#insert(a, b);
    }
  }
}
