import { Agent, request } from 'node:http';
import { dishes } from './services/schema.ts';

/** What the load has come to so far. */
export interface LoadCounts {
  /** Placed: the service said so. */
  readonly placed: number;
  /** Refused: the service said that nothing was written. */
  readonly refused: number;
  /** No answer, or "not known yet": the service or its coordinator died meanwhile. */
  readonly unanswered: number;
}

/** Customers who place one order after the other, and never the same one twice. */
export class Load {
  readonly #url: string;
  readonly #prefix: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #counts = { placed: 0, refused: 0, unanswered: 0 };
  readonly #customers: Promise<void>[];
  #serial = 0;
  #isOver = false;

  constructor(url: string, options: { readonly customers: number; readonly prefix: string }) {
    this.#url = url;
    this.#prefix = options.prefix;
    this.#customers = Array.from({ length: options.customers }, () => this.#customer());
  }

  /** The counts as they stand. */
  get counts(): LoadCounts {
    return { ...this.#counts };
  }

  /** Stops the customers, and waits for the answers that are still due. */
  async stop(): Promise<LoadCounts> {
    this.#isOver = true;
    await Promise.all(this.#customers);
    this.#agent.destroy();
    return this.counts;
  }

  async #customer(): Promise<void> {
    while (!this.#isOver) {
      const status = await this.#placeOne();
      if (status === 201) this.#counts.placed += 1;
      else if (status === 409) this.#counts.refused += 1;
      else {
        this.#counts.unanswered += 1;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  #placeOne(): Promise<number> {
    this.#serial += 1;
    const order = {
      id: `${this.#prefix}-${this.#serial}`,
      dish: dishes[this.#serial % dishes.length],
      portions: 1 + (this.#serial % 3),
    };
    return new Promise((resolve) => {
      const call = request(this.#url, { method: 'POST', agent: this.#agent, timeout: 20_000 });
      call.on('response', (response) => {
        response.resume();
        response.on('close', () => resolve(response.statusCode ?? 0));
      });
      call.on('timeout', () => call.destroy());
      call.on('error', () => resolve(0));
      call.end(JSON.stringify(order));
    });
  }
}
