import type { UnanimousError } from '@unanimous/proto';
import { expect } from 'vitest';
import type { TransactionClient } from '../../participant-sdk/src/client/transaction-client.ts';
import type { Resource } from '../../participant-sdk/src/resource.ts';
import { CoordinatorHost } from '../participant-sdk/support/coordinator-host.ts';
import { FakeBranch, FakeDatabase, FakeStore } from '../participant-sdk/support/fake-database.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Databases that a transaction writes: all of them, and all its rows are named alike. */
const kinds = { both: ['orders', 'stock'], one: ['stock'] } as const;

/** A coordinator and a client with two databases, and a ledger of what the client was told. */
export class PortScene implements AsyncDisposable {
  readonly host = new CoordinatorHost();
  readonly stores = { orders: new FakeStore(), stock: new FakeStore() };
  readonly orders = new FakeDatabase('orders-db', this.stores.orders);
  readonly stock = new FakeDatabase('stock-db', this.stores.stock, { canOnePhase: true });
  readonly #told = new Map<string, 'committed' | 'aborted' | 'unknown'>();
  readonly #line = this.host.line();
  #tm: TransactionClient | undefined;

  constructor() {
    for (const database of [this.orders, this.stock]) {
      database.acceptWork = async (id, work) => {
        const branch = new FakeBranch(database, id);
        await branch.write(Buffer.from(work).toString(), 0);
        return branch;
      };
    }
  }

  /**
   * Lets a client serve both databases; what fails is tried again once, as a service would. Says
   * whether both are served.
   */
  async serve(wrap: (resource: Resource) => Resource = (resource) => resource): Promise<boolean> {
    const transport = this.#line;
    const tm = this.host.client({ transport, scanIntervalMs: 20, connectTimeoutMs: 1_000 });
    this.#tm = tm;
    try {
      for (const database of [this.orders, this.stock]) {
        await tm.serve(wrap(database)).catch(() => tm.serve(wrap(database)));
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Breaks the client's connection; it dials again. */
  cutLine(): void {
    this.#line.cut();
  }

  /** A transaction that commits, as soon as everything works again. */
  async writeAtLast(row: string): Promise<void> {
    let count = 0;
    const isCommitted = async () => {
      count += 1;
      await this.write(`${row}-${count}`, 'both');
      return this.outcomes.at(-1) === 'committed';
    };
    await waitUntil(isCommitted, { what: 'a transaction to commit again', timeoutMs: 8_000 });
  }

  /** One transaction; what it comes to goes to the ledger. */
  async write(row: string, kind: keyof typeof kinds, fails = false): Promise<void> {
    try {
      await this.#tm?.transaction(
        async () => {
          for (const name of kinds[kind]) await this[name].write(`${row} ${kind}`);
          if (fails) throw new Error('the application gives up');
        },
        { waitAppliedMs: 100, timeoutMs: 1_000 },
      );
      this.#told.set(`${row} ${kind}`, 'committed');
    } catch (error) {
      const { code } = error as UnanimousError;
      this.#told.set(`${row} ${kind}`, code === 'unknown' ? 'unknown' : 'aborted');
    }
  }

  /** A transaction whose work comes with Prepare; what it comes to goes to the ledger. */
  async handOver(row: string, kind: keyof typeof kinds): Promise<void> {
    const name = `${row} ${kind}`;
    const rms = kinds[kind].map((database) => this[database].rm);
    const outcome = await this.host.commitWork(rms, Buffer.from(name)).catch(() => undefined);
    const told = outcome?.kind === 'OUTCOME_COMMITTED' ? 'committed' : 'unknown';
    const isAborted = !outcome || outcome.kind === 'OUTCOME_ABORTED';
    this.#told.set(name, isAborted ? 'aborted' : told);
  }

  /** A transaction that one database refuses at PREPARE, when the other one has prepared. */
  async writeRefused(row: string): Promise<void> {
    this.stock.hooks.prepare = async () => {
      const isPrepared = () => this.stores.orders.prepared.size > 0;
      await waitUntil(isPrepared, { what: 'the other', timeoutMs: 200 }).catch(() => {});
      throw new Error('out of stock');
    };
    await this.write(row, 'both');
    delete this.stock.hooks.prepare;
  }

  /** A transaction in one phase whose COMMIT lands, and the database's answer is lost. */
  async writeLost(row: string): Promise<void> {
    this.stock.hooks.commitOnePhase = () => {
      throw new Error('connection lost');
    };
    await this.write(row, 'one');
    delete this.stock.hooks.commitOnePhase;
  }

  /** What the client was told of all transactions. */
  get outcomes(): string[] {
    return [...this.#told.values()];
  }

  /** Waits until nothing is in doubt, and compares the databases with each other and the ledger. */
  async checkResolved(what: string): Promise<void> {
    const stores = Object.values(this.stores);
    const isSettled = () => {
      const { unfinished = 1 } = this.host.status() ?? {};
      return (
        unfinished === 0 && stores.every(({ prepared, open }) => prepared.size + open.size === 0)
      );
    };
    await waitUntil(isSettled, { what: `${what}: nothing to be in doubt`, timeoutMs: 20_000 });
    for (const [row, told] of this.#told) {
      const names = kinds[row.endsWith('both') ? 'both' : 'one'];
      const copies = names.map(
        (name) => this.stores[name].rows.filter((each) => each === row).length,
      );
      expect(new Set(copies).size, `${what}: ${row} stands in all or none`).toBe(1);
      expect([0, 1], `${what}: ${row} stands once at most`).toContain(copies[0]);
      if (told === 'committed') expect(copies[0], `${what}: ${row} was told committed`).toBe(1);
      if (told === 'aborted') expect(copies[0], `${what}: ${row} was told aborted`).toBe(0);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.close();
  }
}
