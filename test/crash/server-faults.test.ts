import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresServer } from '../servers/postgres.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import type { Fate } from './support/crash-row.ts';
import { Ledger } from './support/ledger.ts';

const isFull = process.env.UNANIMOUS_CRASH === 'all';

type Fault = 'connections ended' | 'restart fast' | 'restart immediate' | 'kill -9';

const faults: Readonly<Record<Fault, (server: PostgresServer) => Promise<void>>> = {
  'connections ended': endConnections,
  'restart fast': (server) => server.restart(),
  'restart immediate': async (server) => {
    await server.stopImmediate();
    await server.restart();
  },
  'kill -9': async (server) => {
    await server.kill9();
    await server.restart();
  },
};

/** Where the called service stands meanwhile, and what must be found. */
const phases: readonly { readonly point: string; readonly fate: Fate; readonly quick?: Fault }[] = [
  { point: 'p.enlist.acknowledged', fate: 'either' }, // a new connection may do
  { point: 'p.prepare.before', fate: 'aborted', quick: 'connections ended' },
  { point: 'p.PREPARE.sent', fate: 'either' }, // it may have been prepared before
  { point: 'p.prepare.before-vote', fate: 'committed', quick: 'kill -9' },
  { point: 'p.finish.before', fate: 'committed', quick: 'restart fast' },
  { point: 'p.finish.before-ack', fate: 'committed' },
];

const rows = phases.flatMap(({ point, fate, quick }) =>
  (Object.keys(faults) as Fault[])
    .filter((fault) => isFull || fault === quick)
    .map((fault): [Fault, string, Fate] => [fault, point, fate]),
);

let fleet: CrashFleet;
let ledger: Ledger;

serverOrSkip('postgres').describe('a Postgres server that is hit: by', () => {
  beforeAll(async () => {
    // A restart must fit into the deadline, or every vote would come too late.
    fleet = await CrashFleet.start({ apart: true, timeoutMs: 8_000 });
    ledger = new Ledger(fleet);
    expect(await ledger.place('all').told).toBe('placed');
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test.each(rows)('%s at %s: the transaction is whole', { timeout: 60_000 }, async (...row) => {
    const [fault, point, fate] = row;
    const { stock } = fleet.failpoints;
    await fleet.untilAtRest();
    stock.arm({ name: point, action: 'pause' });
    const order = ledger.place('all');
    await stock.untilFired(point);
    await faults[fault](fleet.databases.stockServer);
    stock.disarm();
    stock.go();
    await order.told;
    await fleet.untilAtRest();
    expect(await ledger.violations()).toEqual([]);
    if (fate !== 'either') expect(await ledger.fateOf(order.id)).toBe(fate);
  });
});

async function endConnections(server: PostgresServer): Promise<void> {
  const client = new pg.Client({ connectionString: server.url(), application_name: 'onlooker' });
  await client.connect();
  try {
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and application_name <> 'onlooker'`);
  } finally {
    await client.end();
  }
}
