// npm run crash:resources -- [--only kafka,nats] [--transactions N] [--per-kill N] [--seed S] [--docs]
// For each resource: kills the participant, the coordinator and the resource's server at random while
// transactions are written, and compares what its own client reads with what was decided. Ends with 1
// on any violation. With --docs the figures go into docs/guarantees.md. The seed repeats the choices,
// not the timing of the processes.
import { parseArgs } from 'node:util';
import { writeResourceFigures } from './support/resource-figures.ts';
import { resourceCases } from './support/resource-cases.ts';
import { runResourceKills } from './support/resource-run.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(resourceCases).join() },
    transactions: { type: 'string', default: '1000' },
    'per-kill': { type: 'string', default: '20' },
    seed: { type: 'string' },
    docs: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const transactions = Number(values.transactions);
const perKill = Number(values['per-kill']);
const say = values.verbose ? (line: string) => console.log(`  ${line}`) : () => {};
console.log(`crash:resources: seed ${seed}`);

for (const name of values.only.split(',')) {
  const pairing = resourceCases[name];
  if (!pairing) throw new Error(`--only: ${name} is none of ${Object.keys(resourceCases).join()}`);
  const { resource, beside } = pairing;
  if (!resource.isPresent() || !beside.isPresent()) {
    if (process.env.UNANIMOUS_TEST_REQUIRE === 'all') process.exitCode = 1;
    console.log(`${name}: not tried: what it needs is not installed`);
    continue;
  }
  const startedMs = performance.now();
  const options = { transactions, perKill, seed: seed + resource.title.length, say };
  const result = await runResourceKills({ resource, beside, ...options });
  const { kills, committed, aborted, repeats, violations } = result;
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  console.log(
    `${name}: ${committed} committed, ${aborted} aborted; killed: participant ${kills.participant}, ` +
      `coordinator ${kills.coordinator}, server ${kills.server}; ${repeats} repeats; ` +
      `${result.resolved} looked up; ${violations.length} violations; ${seconds} s`,
  );
  for (const violation of violations) console.log(`  ${violation}`);
  if (violations.length > 0) process.exitCode = 1;
  if (values.docs) writeResourceFigures(resource, result);
}
if (process.exitCode) {
  console.log(`again: npm run crash:resources -- --seed ${seed} --transactions ${transactions}`);
}
