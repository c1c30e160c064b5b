// npm run demo [-- --rabbitmq] [-- --brief] [-- --hold]
//
// A food order needs three writes in three places. First without Unanimous, killed in between; then
// with it, everything killed in turn; then an audit of what the servers hold.

import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { TransactionClient } from '@unanimous/participant-sdk';
import { playNaive } from './act-naive.ts';
import { playUnanimous } from './act-unanimous.ts';
import { audit } from './audit.ts';
import { type Deployment, deploy } from './deployment.ts';
import { Screen } from '../support/screen.ts';
import { briefSize, fullSize } from './size.ts';

const { values: options } = parseArgs({
  options: {
    rabbitmq: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
    hold: { type: 'boolean', default: false },
  },
});

const size = options.brief ? briefSize : fullSize;
const screen = new Screen();
let demo: Deployment | undefined;

async function play(): Promise<boolean> {
  const queue = options.rabbitmq ? 'RabbitMQ' : 'a SQLite queue';
  screen.line(`Unanimous demo: two Postgres servers, ${queue}, a coordinator, three services.`);
  screen.line(
    'Everything runs on loopback and in a temporary folder, which is removed at the end.',
  );
  demo = await deploy({ withRabbitmq: options.rabbitmq });
  await playNaive(demo, screen, size);
  await demo.coordinator.start();
  const tm = new TransactionClient({ address: demo.coordinatorAddress, service: 'demo' });
  try {
    const act = await playUnanimous(demo, tm, screen, size);
    const isWhole = await audit(demo, screen, { ...act.load, orders: size.orders });
    screen.line('');
    const blocked = `longest block ${(act.longestBlockedMs / 1_000).toFixed(2)} s`;
    const summary = `${act.load.placed} transactions, ${act.kills} kills, ${blocked}`;
    screen.line(`${isWhole ? 'Every write landed, or none did' : 'BROKEN'}: ${summary}`);
    if (options.hold) await hold(demo);
    return isWhole;
  } finally {
    await tm.close();
  }
}

/** Leaves everything running, so that others can look; goes on at the end of input or ctrl-C. */
async function hold({ ordersServer, stockServer, files, coordinatorAddress }: Deployment) {
  const psql = (url: string, sql: string) => `  psql '${url}' -Atc '${sql}'`;
  screen.act('Look for yourself; ctrl-C ends it');
  screen.line(psql(ordersServer.url('orders'), 'select count(*), sum(portions) from orders'));
  screen.line(psql(stockServer.url('stock'), 'select count(*), sum(portions) from reservations'));
  screen.line(psql(stockServer.url('stock'), 'select count(*) from pg_prepared_xacts'));
  screen.line(`  sqlite3 ${files.deliveries} 'select count(*), sum(portions) from deliveries'`);
  screen.line(`  npx unanimous status --address ${coordinatorAddress}`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

let isEnding = false;
async function end(code: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  await demo?.stop();
  screen.line(`Done in ${(performance.now() / 1_000).toFixed(0)} s.`);
  process.exit(code);
}

if (!options.hold) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(130));
}

try {
  await end((await play()) ? 0 : 1);
} catch (error) {
  screen.line(`The demo failed: ${error instanceof Error ? error.stack : String(error)}`);
  await end(1);
}
