import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../support/admin.ts';
import { coordinatorProcess, serviceProcess } from '../support/example-process.ts';
import { Failpoints } from '../support/failpoints.ts';
import { freePort } from '../support/free-port.ts';
import { InReverse } from '../support/in-reverse.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { openPlaces, type Place, type PlaceAddresses } from './places.ts';
import { prepareServers, type Servers, startServers } from './servers.ts';

/** The processes that have failpoints: what users run themselves. */
export type ProcessName = 'coordinator' | 'orders' | 'stock';

/** Whatever can be killed. */
export type Victim = ProcessName | keyof Servers;

const programs = {
  orders: new URL('services/order-service.ts', import.meta.url),
  stock: new URL('services/stock-service.ts', import.meta.url),
};

/** Everything that the example runs: five servers, the coordinator and two services. */
export class Deployment implements AsyncDisposable {
  readonly addresses: PlaceAddresses;
  readonly places: readonly Place[];
  readonly admin: Admin;
  readonly failpoints: Readonly<Record<ProcessName, Failpoints>>;
  readonly processes: Readonly<Record<ProcessName, ServiceProcess>>;
  readonly servers: Servers;
  readonly #ordersUrl: string;
  readonly #parts: InReverse;

  private constructor(
    parts: InReverse,
    running: Pick<
      Deployment,
      'addresses' | 'places' | 'admin' | 'failpoints' | 'processes' | 'servers'
    >,
    ordersUrl: string,
  ) {
    this.#parts = parts;
    this.addresses = running.addresses;
    this.places = running.places;
    this.admin = running.admin;
    this.failpoints = running.failpoints;
    this.processes = running.processes;
    this.servers = running.servers;
    this.#ordersUrl = ordersUrl;
  }

  /** Starts everything, on loopback and in temporary folders. */
  static async start(): Promise<Deployment> {
    const parts = new InReverse();
    try {
      const folder = mkdtempSync(join(tmpdir(), 'unanimous-everywhere-'));
      atEnd(parts, () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
      const servers = await startServers(parts);
      const at = { ...(await prepareServers(servers)), queueFile: join(folder, 'queue.db') };
      const address = `127.0.0.1:${await freePort()}`;
      const ordersPort = await freePort();
      const env = {
        EXAMPLE_COORDINATOR: address,
        EXAMPLE_POSTGRES: at.postgres,
        EXAMPLE_MARIADB: at.mariadb,
        EXAMPLE_KAFKA: at.kafka,
        EXAMPLE_REDIS: at.redis,
        EXAMPLE_OPENSEARCH: at.opensearch,
        EXAMPLE_QUEUE: at.queueFile,
        EXAMPLE_STOCK: `127.0.0.1:${await freePort()}`,
        EXAMPLE_ORDERS_PORT: String(ordersPort),
      };
      const points = (name: ProcessName) => new Failpoints(join(folder, `failpoints-${name}`));
      const failpoints = {
        coordinator: points('coordinator'),
        orders: points('orders'),
        stock: points('stock'),
      };
      const withPoints = (name: ProcessName) => ({ ...env, ...failpoints[name].env });
      const service = (name: 'orders' | 'stock') =>
        serviceProcess(name, programs[name], { folder, env: withPoints(name) });
      const processes = {
        coordinator: coordinatorProcess(address, { folder, env: withPoints('coordinator') }),
        orders: service('orders'),
        stock: service('stock'),
      };
      for (const one of Object.values(processes)) atEnd(parts, () => one.stop());
      await processes.coordinator.start();
      await Promise.all([processes.stock.start(), processes.orders.start()]);
      const places = await openPlaces(at);
      for (const place of places) parts.use(place);
      const admin = parts.use(new Admin(address));
      const running = { addresses: at, places, admin, failpoints, processes, servers };
      return new Deployment(parts, running, `http://127.0.0.1:${ordersPort}/orders`);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Places an order. Resolves to the service's HTTP status, 0 when it was killed meanwhile. */
  async place(id: string): Promise<number> {
    const body = JSON.stringify({ id, dish: 'ramen', portions: 2 });
    try {
      const response = await fetch(this.#ordersUrl, { method: 'POST', body });
      await response.text();
      return response.status;
    } catch {
      return 0;
    }
  }

  /** kill -9 of all of them. */
  async kill9(victims: readonly Victim[]): Promise<void> {
    await Promise.all(victims.map((victim) => this.#find(victim).kill9()));
  }

  /** Starts them again: first the servers, then the coordinator, then the services. */
  async restart(victims: readonly Victim[]): Promise<void> {
    const start = (names: readonly Victim[]) =>
      Promise.all(names.filter((name) => victims.includes(name)).map((name) => this.#start(name)));
    await start(Object.keys(this.servers) as Victim[]);
    await start(['coordinator']);
    await start(['stock', 'orders']);
  }

  /** Ends everything and removes what was written. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }

  #find(victim: Victim): { kill9(): Promise<void> } {
    return { ...this.servers, ...this.processes }[victim];
  }

  #start(victim: Victim): Promise<void> {
    if (isProcess(victim)) return this.processes[victim].start();
    return this.servers[victim].restart();
  }
}

/** Whether it is one of the processes that have failpoints. */
export function isProcess(victim: Victim): victim is ProcessName {
  return victim === 'coordinator' || victim === 'orders' || victim === 'stock';
}

function atEnd(parts: InReverse, end: () => unknown): void {
  parts.use({ [Symbol.asyncDispose]: async () => void (await end()) });
}
