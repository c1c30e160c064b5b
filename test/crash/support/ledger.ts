import { gidsById, readDeliveries } from '../../integration/support/audit.ts';
import type { CrashFleet } from './crash-fleet.ts';

/** What a client was told of an order. */
export type Told = 'placed' | 'refused' | 'unanswered';

/** An order on its way. */
export interface PlacedOrder {
  readonly id: string;
  readonly told: Promise<Told>;
}

interface Entry {
  readonly dish: string;
  told: Told | undefined;
  /** The transaction that its client was told. */
  gid: string | undefined;
}

/** Of each order which places hold it: the gid that wrote it there. */
interface Traces {
  readonly orders: ReadonlyMap<string, string>;
  readonly stock: ReadonlyMap<string, string>;
  readonly deliveries: ReadonlyMap<string, string>;
}

/** Remembers what clients were told of their orders, and compares it with what is there. */
export class Ledger {
  readonly #fleet: CrashFleet;
  readonly #entries = new Map<string, Entry>();
  /** Ids of orders that the broker has delivered, when there is one. */
  told: (() => Promise<ReadonlySet<string>>) | undefined;

  constructor(fleet: CrashFleet) {
    this.#fleet = fleet;
  }

  /** How many orders were answered so. */
  count(told: Told): number {
    return [...this.#entries.values()].filter((entry) => entry.told === told).length;
  }

  /** How many were placed in all. */
  get size(): number {
    return this.#entries.size;
  }

  /** Places an order, as a customer; what comes of it is remembered. */
  place(dish: string): PlacedOrder {
    const id = `order-${this.#entries.size + 1}`;
    const entry: Entry = { dish, told: undefined, gid: undefined };
    this.#entries.set(id, entry);
    const told = this.#ask(id, entry).then((answer) => (entry.told = answer));
    return { id, told };
  }

  async #ask(id: string, entry: Entry): Promise<Told> {
    const url = `http://127.0.0.1:${this.#fleet.settings.ordersPort}/orders`;
    try {
      const body = JSON.stringify({ id, dish: entry.dish, portions: 1 });
      const signal = AbortSignal.timeout(15_000);
      const response = await fetch(url, { method: 'POST', body, signal });
      const text = await response.text();
      if (response.status === 201) entry.gid = text;
      if (response.status === 201) return 'placed';
      return response.status === 409 ? 'refused' : 'unanswered';
    } catch {
      return 'unanswered';
    }
  }

  /** How often a consumer was handed a message again that it had. */
  repeatedDeliveries(): number {
    const rows = readDeliveries(this.#fleet.settings.deliveriesFile);
    return rows.reduce((sum, { copies }) => sum + copies - 1, 0);
  }

  /** Whether an order is there. Call it at rest. */
  async fateOf(id: string): Promise<'committed' | 'aborted'> {
    const { rowCount } = await this.#fleet.databases.orders.query(
      'select from orders where id = $1',
      [id],
    );
    return rowCount === 1 ? 'committed' : 'aborted';
  }

  /**
   * Every difference between the places, and between them and what was told. None: each order is
   * in all places or in none, by one transaction, what was confirmed is there, and what was refused
   * is not. Call it at rest.
   */
  async violations(): Promise<string[]> {
    const traces = await this.#traces();
    const ids = new Set([...traces.orders.keys(), ...traces.stock.keys()]);
    for (const id of [...traces.deliveries.keys(), ...this.#entries.keys()]) ids.add(id);
    const broker = await this.told?.();
    return [...ids].flatMap((id) => this.#differences(id, traces, broker));
  }

  #differences(id: string, traces: Traces, broker: ReadonlySet<string> | undefined): string[] {
    const entry = this.#entries.get(id);
    if (!entry) return [`${id}: nobody has ordered it`];
    const order = traces.orders.get(id);
    const delivered = traces.deliveries.get(id);
    const others = entry.dish === 'home' ? [delivered] : [traces.stock.get(id), delivered];
    const isAlone = entry.dish === 'alone';
    const places = entry.dish === 'solo' || isAlone ? [] : others;
    const found: string[] = [];
    if (places.some((gid) => gid !== order)) {
      found.push(`${id}: written by ${order}, ${places.join(' and ')}`);
    }
    const isTold = broker?.has(id) ?? order !== undefined;
    if (entry.dish === 'told' && isTold !== (order !== undefined)) {
      found.push(`${id}: written by ${order}, at the broker: ${isTold}`);
    }
    const isConfirmed = isAlone ? order !== undefined : entry.gid === order;
    if (entry.told === 'placed' && !isConfirmed) {
      found.push(`${id}: confirmed in ${entry.gid}, written by ${order}`);
    }
    if (entry.told === 'refused' && order !== undefined) found.push(`${id}: refused, but there`);
    return found;
  }

  async #traces(): Promise<Traces> {
    const { databases, settings } = this.#fleet;
    const [orders, stock] = await Promise.all([
      databases.orders.query('select id, gid from orders'),
      databases.stock.query('select order_id as id, gid from reservations'),
    ]);
    const deliveries = gidsById(readDeliveries(settings.deliveriesFile));
    return { orders: gidsById(orders.rows), stock: gidsById(stock.rows), deliveries };
  }
}
