import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { TcpRelay } from '../../integration/support/tcp-relay.ts';
import type { PostgresServer } from '../../servers/postgres.ts';
import { catalogue } from './catalogue.ts';
import type { CrashFleet, Role } from './crash-fleet.ts';
import { breakNetwork } from './network-faults.ts';

/** A number from 0 up to, but without, 1. */
export type Random = () => number;

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const roles = ['coordinator', 'stock', 'orders', 'delivery'] as const;

/** Services that reach the coordinator through a network that can be broken. */
export type Routed = 'stock' | 'orders';

/** Hits the fleet where chance wants it, one thing after the other, and mends what it broke. */
export class Nemesis {
  readonly #fleet: CrashFleet;
  readonly #relays: Readonly<Record<Routed, TcpRelay>>;
  readonly #random: Random;
  /** How often each was hit, and how. */
  readonly hits = new Map<string, number>();

  constructor(fleet: CrashFleet, relays: Readonly<Record<Routed, TcpRelay>>, random: Random) {
    this.#fleet = fleet;
    this.#relays = relays;
    this.#random = random;
  }

  /** How often something was killed: processes and servers. */
  get kills(): number {
    const killed = [...this.hits].filter(([what]) => what.includes('kill'));
    return killed.reduce((sum, [, count]) => sum + count, 0);
  }

  /** One act; sometimes two at the same time. */
  async strike(): Promise<void> {
    const acts = [this.#act()];
    if (this.#random() < 0.25) acts.push(this.#act());
    const distinct = new Map(acts.map((act) => [act.whom, act]));
    await Promise.all([...distinct.values()].map((act) => act.run()));
    await delay(this.#random() * 500); // some orders in peace, so that there is something to break
  }

  #act(): { readonly whom: string; run(): Promise<void> } {
    const draw = this.#random();
    const role = this.#pick(roles);
    if (draw < 0.3) return { whom: role, run: () => this.#kill(role) };
    if (draw < 0.55) return this.#killAtPoint();
    if (draw < 0.65) return { whom: role, run: () => this.#freeze(role) };
    if (draw < 0.8) return this.#breakNetwork();
    const { ordersServer, stockServer } = this.#fleet.databases;
    const isOrders = this.#random() < 0.5;
    const server = isOrders ? ordersServer : stockServer;
    const whom = isOrders ? "the orders' Postgres" : "the stock's Postgres";
    if (draw < 0.92) return { whom, run: () => this.#hitServer(server, whom) };
    return { whom, run: () => this.#terminate(server, whom) };
  }

  async #kill(role: Role): Promise<void> {
    this.#note(`${role} kill`);
    await this.#fleet.processes[role].kill9();
    if (this.#random() < 0.5) await delay(this.#random() * 500);
    await this.#restart(role);
  }

  #killAtPoint(): { whom: Role; run(): Promise<void> } {
    const name = this.#pick(catalogue.filter((point) => !point.startsWith('log.compact')));
    const role = name.startsWith('k.') ? 'orders' : this.#roleOf(name);
    const at = 1 + Math.floor(this.#random() * 6);
    const run = async () => {
      const points = this.#fleet.failpoints[role];
      points.arm({ name, at, action: 'kill' });
      // Points of a start are met by a second kill only.
      if (/start|hello|serve|resend|verdict|scan/.test(name)) {
        this.#note(`${role} kill`);
        await this.#fleet.processes[role].kill9();
        await this.#fleet.processes[role].start().catch(() => undefined);
      }
      for (let waitedMs = 0; waitedMs < 700 && !points.hasFired; waitedMs += 20) await delay(20);
      points.disarm();
      if (!points.hasFired) return;
      this.#note(`${role} kill at a point`);
      await this.#restart(role);
    };
    return { whom: role, run };
  }

  #breakNetwork(): { readonly whom: string; run(): Promise<void> } {
    const role = this.#random() < 0.5 ? 'stock' : 'orders';
    const whom = `the network of ${role}`;
    const run = () => {
      return breakNetwork(this.#relays[role], this.#random, (fault) => {
        this.#note(`${whom}: ${fault}`);
      });
    };
    return { whom, run };
  }

  #roleOf(name: string): 'coordinator' | 'stock' | 'orders' {
    if (!name.startsWith('p.')) return 'coordinator';
    return this.#random() < 0.5 ? 'stock' : 'orders';
  }

  async #freeze(role: Role): Promise<void> {
    this.#note(`${role} freeze`);
    const hit = this.#fleet.processes[role];
    hit.freeze();
    await delay(200 + this.#random() * 2_000);
    hit.wake();
  }

  async #hitServer(server: PostgresServer, whom: string): Promise<void> {
    const draw = this.#random();
    if (draw < 0.5) {
      this.#note(`${whom} kill`);
      await server.kill9();
    } else if (draw < 0.75) {
      this.#note(`${whom} stop immediate (a kill without goodbye)`);
      await server.stopImmediate();
    } else this.#note(`${whom} restart fast`);
    await server.restart();
  }

  /** Cuts all connections of the services to a server. */
  async #terminate(server: PostgresServer, whom: string): Promise<void> {
    this.#note(`${whom} terminate backends`);
    const client = new pg.Client({ connectionString: server.url(), application_name: 'onlooker' });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and application_name <> 'onlooker'`);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** A start may be cut short by another act; then once more. */
  async #restart(role: Role): Promise<void> {
    this.#fleet.failpoints[role].disarm();
    const hit = this.#fleet.processes[role];
    await hit.kill9();
    for (let attempt = 1; ; attempt++) {
      try {
        return await hit.start();
      } catch (error) {
        // A service cannot start while its database is down.
        if (attempt === 20) throw error;
        await delay(200);
      }
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  #note(what: string): void {
    this.hits.set(what, (this.hits.get(what) ?? 0) + 1);
  }
}
