import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';
import type { Random } from './nemesis.ts';

/** Customers who order without end, until they are told to pause. */
export class Load {
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #count: number;
  #isPaused = true;
  #customers: Promise<void>[] = [];

  constructor(ledger: Ledger, random: Random, count = 8) {
    this.#ledger = ledger;
    this.#random = random;
    this.#count = count;
  }

  /** They order again. */
  resume(): void {
    this.#isPaused = false;
    this.#customers = Array.from({ length: this.#count }, () => this.#order());
  }

  /** They order no more; resolves when each has his answer. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await Promise.all(this.#customers);
  }

  async #order(): Promise<void> {
    while (!this.#isPaused) {
      const draw = this.#random();
      const dish = draw < 0.7 ? 'all' : draw < 0.85 ? 'solo' : 'refused';
      const told = await this.#ledger.place(dish).told;
      // Who is under test shares the machine; and nobody may be there to take an order.
      await delay(told === 'unanswered' ? 150 : 15);
    }
  }
}
