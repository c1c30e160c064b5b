import { performance } from 'node:perf_hooks';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { TcpRelay } from '../../integration/support/tcp-relay.ts';
import { CrashFleet } from './crash-fleet.ts';
import { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { Nemesis, type Routed, seededRandom } from './nemesis.ts';
import { Operator } from './operator.ts';

/** How long to go on: until so much time or so many kills, whichever comes first. */
export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly kills: number;
  readonly say: (line: string) => void;
  /** Ends it after the round that runs. */
  readonly signal?: AbortSignal;
}

/** What a soak came to. */
export interface SoakResult {
  readonly hits: ReadonlyMap<string, number>;
  readonly kills: number;
  readonly orders: number;
  readonly placed: number;
  readonly refused: number;
  readonly unanswered: number;
  /** Longest time that anything was seen prepared, in milliseconds. */
  readonly longestBlockedMs: number;
  /** Copies that the consumer has seen beyond the first of an event. */
  readonly repeatedDeliveries: number;
  /** Commits in one phase that a crashed server could not speak for, and an operator looked up. */
  readonly resolved: number;
  readonly violations: readonly string[];
}

/** What goes on in a soak. */
interface Soaked {
  readonly fleet: CrashFleet;
  readonly ledger: Ledger;
  readonly load: Load;
  readonly operator: Operator;
}

/** Between two quiet moments. */
const actsPerRound = 8;

/** Kills, freezes and cuts at random under load; at each quiet moment all places are compared. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { seed, minutes, kills, say, signal } = options;
  const random = seededRandom(seed);
  const relays = new Map<Routed, TcpRelay>();
  await using parts = new InReverse();
  const route = async (coordinator: string, role: Routed) => {
    const relay = parts.use(await TcpRelay.start(coordinator));
    relays.set(role, relay);
    return relay.address;
  };
  const fleet = parts.use(await CrashFleet.start({ apart: true, route }));
  const ledger = new Ledger(fleet);
  const [stock, orders] = [relays.get('stock'), relays.get('orders')] as [TcpRelay, TcpRelay];
  const nemesis = new Nemesis(fleet, { stock, orders }, random);
  const load = new Load(ledger, seededRandom(seed + 1));
  const operator = new Operator({
    admin: fleet.admin,
    rm: 'orders-db',
    async holds(gid) {
      const sql = 'select from orders where gid = $1';
      return (await fleet.databases.orders.query(sql, [gid])).rowCount !== 0;
    },
  });
  const blocked = new BlockedWatch(fleet);
  const untilMs = performance.now() + minutes * 60_000;
  let violations: string[] = [];
  for (let round = 1; violations.length === 0; round++) {
    load.resume();
    for (let act = 0; act < actsPerRound && nemesis.kills < kills; act++) await nemesis.strike();
    violations = await quietMoment({ fleet, ledger, load, operator });
    const { size } = ledger;
    say(`round ${round}: ${nemesis.kills} kills, ${size} orders, ${violations.length} violations`);
    if (performance.now() > untilMs || nemesis.kills >= kills || signal?.aborted) break;
  }
  blocked.stop();
  return {
    hits: nemesis.hits,
    kills: nemesis.kills,
    orders: ledger.size,
    placed: ledger.count('placed'),
    refused: ledger.count('refused'),
    unanswered: ledger.count('unanswered'),
    longestBlockedMs: blocked.longestMs,
    repeatedDeliveries: ledger.repeatedDeliveries(),
    resolved: operator.resolvedCount,
    violations,
  };
}

/** Nobody orders and nothing is hit: everything must settle, and agree. */
async function quietMoment({ fleet, ledger, load, operator }: Soaked): Promise<string[]> {
  await load.pause();
  try {
    await fleet.untilAtRest(30_000, operator);
  } catch (error) {
    return [String(error)];
  }
  return ledger.violations();
}

/** Looks how old the oldest prepared branch is, again and again. */
class BlockedWatch {
  readonly #fleet: CrashFleet;
  #isOver = false;
  longestMs = 0;

  constructor(fleet: CrashFleet) {
    this.#fleet = fleet;
    void this.#watch();
  }

  stop(): void {
    this.#isOver = true;
  }

  async #watch(): Promise<void> {
    const { orders, stock } = this.#fleet.databases;
    const sql = `select coalesce(max(extract(epoch from clock_timestamp() - prepared)) * 1000, 0)
      ::float8 as "ageMs" from pg_prepared_xacts`;
    while (!this.#isOver) {
      for (const database of [orders, stock]) {
        const found = await database.query<{ ageMs: number }>(sql).catch(() => undefined);
        this.longestMs = Math.max(this.longestMs, found?.rows[0]?.ageMs ?? 0);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
