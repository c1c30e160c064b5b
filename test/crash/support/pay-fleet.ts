import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { Admin } from '../../../examples/support/admin.ts';
import { unanimousProgram } from '../../integration/support/coordinator-process.ts';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { NodeProcess } from '../../integration/support/node-process.ts';
import { freePort } from '../../support/free-port.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { Failpoints } from './failpoints.ts';

/** The processes that a test may kill. */
export type PayRole = 'coordinator' | 'shop' | 'payments';

/** What an order came to, in both places. */
export interface PaidOrder {
  /** Its event is in the queue: the transaction is committed. */
  readonly isPublished: boolean;
  /** Of its payments at the provider: `held`, `confirmed`, `cancelled` or `lapsed`. */
  readonly payments: readonly string[];
}

const folder = new URL('../../participant-sdk/service/services/', import.meta.url);

/** A shop, a coordinator and a payment provider that knows nothing of them, as processes. */
export class PayFleet implements AsyncDisposable {
  readonly processes: Readonly<Record<PayRole, NodeProcess>>;
  readonly failpoints: Readonly<Record<'coordinator' | 'shop', Failpoints>>;
  readonly #admin: Admin;
  readonly #shopUrl: string;
  readonly #paymentsUrl: string;
  readonly #queue: Database.Database;
  readonly #parts: InReverse;

  private constructor(
    fleet: Pick<PayFleet, 'processes' | 'failpoints'> & Record<'shopUrl' | 'paymentsUrl', string>,
    parts: InReverse,
    admin: Admin,
    queueFile: string,
  ) {
    this.processes = fleet.processes;
    this.failpoints = fleet.failpoints;
    this.#shopUrl = fleet.shopUrl;
    this.#paymentsUrl = fleet.paymentsUrl;
    this.#admin = admin;
    this.#queue = new Database(queueFile, { readonly: true });
    this.#parts = parts;
  }

  /** Starts everything. */
  static async start(): Promise<PayFleet> {
    const parts = new InReverse();
    const dir = tempDir();
    parts.use({ [Symbol.asyncDispose]: async () => dir.remove() });
    const [coordinator, shop, payments] = [await freePort(), await freePort(), await freePort()];
    const address = `127.0.0.1:${coordinator}`;
    const shopUrl = `http://127.0.0.1:${shop}`;
    const paymentsUrl = `http://127.0.0.1:${payments}`;
    const queueFile = dir.file('queue.db');
    const failpoints = {
      coordinator: new Failpoints(dir.file('points-coordinator')),
      shop: new Failpoints(dir.file('points-shop')),
    };
    const start = async (name: string, args: string[], env: Record<string, string>) => {
      const readyLine = name === 'coordinator' ? 'unanimous ready' : 'ready';
      const one = parts.use(
        new NodeProcess({ name, args, env, readyLine, logFile: dir.file(`${name}.log`) }),
      );
      await one.start();
      return one;
    };
    try {
      const log = dir.file('log');
      const processes = {
        coordinator: await start(
          'coordinator',
          [unanimousProgram, 'serve', '--data', log, '--listen', address],
          failpoints.coordinator.env,
        ),
        payments: await start('payments', program('payment-process.ts'), {
          PAYMENTS_FILE: dir.file('payments.db'),
          PAYMENTS_PORT: String(payments),
        }),
        shop: await start('shop', program('shop-process.ts'), {
          ...failpoints.shop.env,
          SHOP_COORDINATOR: address,
          SHOP_PAYMENTS: paymentsUrl,
          SHOP_QUEUE: queueFile,
          SHOP_PORT: String(shop),
        }),
      };
      const admin = parts.use(new Admin(address));
      return new PayFleet({ processes, failpoints, shopUrl, paymentsUrl }, parts, admin, queueFile);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Places an order; what the shop says of it, or `nothing` when it was killed. */
  async place(order: string, how: string, { cents = 500, via = 'payments' } = {}): Promise<string> {
    const body = JSON.stringify({ order, cents, how, via });
    return fetch(this.#shopUrl, { method: 'POST', body })
      .then((response) => response.text())
      .catch(() => 'nothing');
  }

  /** Lets the provider fail at its next acts. */
  async fault(fault: { readonly act: string; readonly is: string; readonly times: number }) {
    await fetch(`${this.#paymentsUrl}/faults`, { method: 'PUT', body: JSON.stringify(fault) });
  }

  /** Moves the provider's clock past the lapse of all that is held. */
  async letLapse(): Promise<void> {
    const body = JSON.stringify({ byMs: 61_000 });
    await fetch(`${this.#paymentsUrl}/clock`, { method: 'PUT', body });
  }

  /** What the provider was asked, in order: `try`, `confirm` or `cancel`, and the key. */
  async calls(): Promise<readonly { readonly act: string; readonly key: string }[]> {
    const response = await fetch(`${this.#paymentsUrl}/calls`);
    return (await response.json()) as { act: string; key: string }[];
  }

  /** Waits until no transaction is open or owes anything. */
  async untilAtRest(): Promise<void> {
    const prepared = this.#queue.prepare('select count(*) from unanimous_prepared').pluck();
    const isAtRest = async () => {
      const open = await this.#admin.list().catch(() => undefined);
      return open?.length === 0 && prepared.get() === 0;
    };
    await waitUntil(isAtRest, { what: 'all to be at rest', timeoutMs: 20_000 });
  }

  /** What is found of an order. */
  async look(order: string): Promise<PaidOrder> {
    const body = JSON.stringify({ order });
    const query = 'select count(*) from unanimous_messages where body = ?';
    const isPublished = this.#queue.prepare(query).pluck().get(body) === 1;
    const response = await fetch(`${this.#paymentsUrl}/payments/${order}`);
    return { isPublished, payments: (await response.json()) as string[] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.close();
    await this.#parts[Symbol.asyncDispose]();
  }
}

function program(name: string): string[] {
  const flags = ['--conditions=@unanimous/source', '--import', 'tsx'];
  return [...flags, fileURLToPath(new URL(name, folder))];
}
