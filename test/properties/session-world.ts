import { formatBranchId, type BranchId, type Gid } from '@unanimous/proto';
import type { Limits } from '@unanimous/coordinator';
import { defineResource, TransactionClient } from '@unanimous/participant-sdk';
import { Admin } from '../../examples/support/admin.ts';
import { InProcessCoordinator } from '../integration/support/in-process-coordinator.ts';
import { InReverse } from '../../examples/support/in-reverse.ts';
import { TcpRelay } from '../integration/support/tcp-relay.ts';
import { FakeDatabase, FakeStore } from '../participant-sdk/support/fake-database.ts';
import { waitUntil } from '../support/wait-until.ts';
import { tempDir } from '../support/temp-dir.ts';

/** An effect as its target saw it. */
interface Applied {
  readonly effect: string;
  readonly id: string;
}

/** One process: a client, its line to the coordinator, and an instance of each resource. */
export class Service {
  readonly tm: TransactionClient;
  readonly line: TcpRelay;
  readonly orders: FakeDatabase;
  readonly stock: FakeDatabase;
  readonly mail: ReturnType<typeof defineResource<string>>;

  constructor(line: TcpRelay, { stores, applied, applyFaults }: SessionWorld) {
    this.line = line;
    const times = {
      scanIntervalMs: 50,
      timeoutMs: 5_000,
      closeTimeoutMs: 50,
      waitAppliedMs: 2_000,
    };
    this.tm = new TransactionClient({ address: line.address, ...times });
    this.orders = new FakeDatabase('orders-db', stores.orders);
    this.stock = new FakeDatabase('stock-db', stores.stock, { canOnePhase: true });
    this.mail = defineResource<string>({
      rm: 'mail',
      apply: (effect, { id }) => {
        applied.push({ effect, id });
        // It has happened, and its acknowledgement is lost: it comes again.
        if (applyFaults.delete(effect)) throw new Error('no answer');
      },
    });
  }

  async serve(): Promise<void> {
    const { tm, orders, stock, mail } = this;
    await Promise.all([tm.serve(orders), tm.serve(stock), tm.serve(mail)]);
  }
}

/** A served coordinator behind real gRPC on the real log, and two services that share resources. */
export class SessionWorld implements AsyncDisposable {
  readonly stores = { orders: new FakeStore(), stock: new FakeStore() };
  readonly applied: Applied[] = [];
  /** Effects whose first acknowledgement is lost. */
  readonly applyFaults = new Set<string>();
  readonly services: Service[] = [];
  readonly coordinator: InProcessCoordinator;
  readonly admin: Admin;
  readonly #parts: InReverse;

  private constructor(coordinator: InProcessCoordinator, parts: InReverse) {
    this.coordinator = coordinator;
    this.#parts = parts;
    this.admin = parts.use(new Admin(coordinator.address));
  }

  static async start(): Promise<SessionWorld> {
    const parts = new InReverse();
    const dir = parts.use(tempDir('unanimous-session-'));
    const coordinator = parts.use(await InProcessCoordinator.launch(dir.file('log')));
    const world = new SessionWorld(coordinator, parts);
    for (let count = 0; count < 2; count += 1) {
      const line = parts.use(await TcpRelay.start(coordinator.address));
      const service = new Service(line, world);
      parts.use(service.tm);
      world.services.push(service);
      await service.serve();
    }
    return world;
  }

  /** Stops the coordinator, whatever it is at, and starts its next epoch. */
  async restart(limits: Partial<Limits> = {}): Promise<void> {
    await this.coordinator.stop();
    await this.coordinator.start(limits);
  }

  /** Resolves when a service has found a prepared branch in the stock, and has asked about it. */
  async scannedBy({ stock }: Service, gid: Gid): Promise<void> {
    const { prepared, fates } = this.stores.stock;
    const wasPrepared = () =>
      [...prepared.keys(), ...fates.keys()].some((key) => key.includes(gid));
    await waitUntil(wasPrepared, { what: 'the branch to be prepared' });
    let scans = 0;
    stock.hooks.scan = () => void (scans += 1);
    // The third begins when the second, which saw it, has its answer.
    await waitUntil(() => scans >= 3, { what: 'scans' });
    delete stock.hooks.scan;
  }

  /** How often each database has a row. */
  rowsOf(name: string): Readonly<Record<'orders' | 'stock', number>> {
    const count = (rows: readonly string[]) => rows.filter((row) => row === name).length;
    const { orders, stock } = this.stores;
    return { orders: count(orders.rows), stock: count(stock.rows) };
  }

  /** Somebody will roll back the stock's branch by hand before its commit arrives. */
  rollBackByHand(gid: Gid): void {
    const { stock } = this.stores;
    for (const service of this.services) {
      service.stock.hooks.commit = (id: BranchId) => {
        const key = formatBranchId(id);
        if (id.gid === gid && stock.prepared.delete(key)) stock.fates.set(key, 'rolled-back');
      };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}
