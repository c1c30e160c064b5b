import { setTimeout as delay } from 'node:timers/promises';

/** Between two orders of one customer. */
const pauseMs = 30;

/** What became of an order, as its customer was told. */
export type Told =
  /** Placed, in this transaction. */
  | { readonly is: 'placed'; readonly gid: string }
  /** Nothing was written. */
  | { readonly is: 'refused'; readonly why: string }
  /** No answer, or one that says that the outcome is not known. */
  | { readonly is: 'unanswered' };

/** Customers who place one order after the other, never the same twice, and remember the answers. */
export class Customers {
  readonly answers = new Map<string, Told>();
  readonly #url: string;
  readonly #busy: Promise<void>[];
  #serial = 0;
  #isOver = false;

  /** They start at once, each with one order at a time. */
  constructor(url: string, count: number) {
    this.#url = url;
    this.#busy = Array.from({ length: count }, () => this.#placeOrders());
  }

  /** How many orders were answered so. */
  count(is: Told['is']): number {
    return [...this.answers.values()].filter((told) => told.is === is).length;
  }

  /** They place no more; waits for the answers that are due. */
  async leave(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#busy);
  }

  async #placeOrders(): Promise<void> {
    while (!this.#isOver) {
      this.#serial += 1;
      const id = `order-${this.#serial}`;
      const told = await this.#place(id);
      this.answers.set(id, told);
      await delay(pauseMs); // the processes under test share the machine with their load
    }
  }

  async #place(id: string): Promise<Told> {
    try {
      const body = JSON.stringify({ id, dish: 'ramen', portions: 1 });
      const signal = AbortSignal.timeout(20_000);
      const response = await fetch(this.#url, { method: 'POST', body, signal });
      const text = await response.text();
      if (response.status === 201) return { is: 'placed', gid: text };
      return response.status === 409 ? { is: 'refused', why: text } : { is: 'unanswered' };
    } catch {
      return { is: 'unanswered' };
    }
  }
}
