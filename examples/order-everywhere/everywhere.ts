// npm run example:everywhere [-- --seconds 60]
//
// One transaction over six systems (services/place-order.ts), and kill -9 of every process and every
// server at every step of it. Then the six are asked what they hold: each order is in all or in none.
// With --seconds it kills for so long only, in another order each time.

import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Screen } from '../support/screen.ts';
import { Deployment } from './deployment.ts';
import { type Kill, kills, titleOf } from './kills.ts';
import { absentServers } from './needs.ts';
import { type KillResult, runKill, untilAtRest } from './run-kill.ts';

const { values: options } = parseArgs({ options: { seconds: { type: 'string' } } });
const seconds = Number(options.seconds ?? Number.POSITIVE_INFINITY);
if (Number.isNaN(seconds)) throw new Error(`--seconds: ${options.seconds} is not a number`);
const screen = new Screen();
let deployment: Deployment | undefined;

async function play(): Promise<boolean> {
  screen.line(
    'One order in six places: Postgres, MariaDB, Kafka, Redis, OpenSearch, and a service',
  );
  screen.line('with a queue of its own. All on loopback and in temporary folders.');
  const running = await Deployment.start();
  deployment = running;
  screen.act('1  Orders, and nobody is killed');
  const ids = Array.from({ length: 10 }, (_, n) => `o-quiet-${n + 1}`);
  const statuses = await Promise.all(ids.map((id) => running.place(id)));
  screen.event(`${statuses.filter((status) => status === 201).length} of ${ids.length} placed`);
  await untilAtRest(running);

  screen.act('2  kill -9 of each process and each server, at each step of the transaction');
  const violations: string[] = [];
  const placed = new Set(ids);
  const chosen = options.seconds === undefined ? kills : shuffled(kills);
  const endMs = performance.now() + seconds * 1_000;
  let killed = 0;
  for (const kill of chosen) {
    if (performance.now() > endMs) break;
    killed += 1;
    const result = await runKill(running, kill, `o-${killed}`);
    if (result.fate === 'committed') placed.add(result.id);
    violations.push(...result.violations);
    show(kill, result);
  }

  screen.act('3  The audit: what the six servers hold');
  const { whole, violations: left } = await untilAtRest(running);
  for (const place of running.places) {
    screen.line(`  ${String((await place.orders()).length).padStart(4)} orders  ${place.name}`);
  }
  const gone = [...placed].filter((id) => !whole.has(id));
  violations.push(...left, ...gone.map((id) => `${id} was in all six, and is not any more`));
  screen.line('');
  const isWhole = violations.length === 0;
  const verdict = isWhole ? 'Every order is in all six places, or in none' : 'BROKEN';
  screen.line(`${verdict}: ${whole.size} orders, ${killed} of ${kills.length} kills`);
  return isWhole;
}

function show(kill: Kill, { fate, settledMs, violations }: KillResult): void {
  const where = { committed: 'in all six', aborted: 'in none', split: 'SPLIT' }[fate];
  const line = `${titleOf(kill)}: ${where}, ${settledMs.toFixed(0)} ms`;
  screen.event(line, violations.length === 0 ? 'green' : 'red');
  for (const violation of violations) screen.detail(violation);
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

let isEnding = false;
async function end(code: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  await deployment?.[Symbol.asyncDispose]();
  screen.line(`Done in ${(performance.now() / 1_000).toFixed(0)} s.`);
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(130));

const absent = await absentServers();
if (absent.length > 0) {
  screen.line('This example needs all six places. Here');
  for (const line of absent) screen.line(`  ${line}`);
  process.exit(1);
}
try {
  await end((await play()) ? 0 : 1);
} catch (error) {
  screen.line(`The example failed: ${error instanceof Error ? error.stack : String(error)}`);
  await end(1);
}
