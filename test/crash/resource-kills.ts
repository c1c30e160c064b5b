// npm run crash:resources -- [--only kafka,nats] [--transactions N] [--per-kill N] [--seed S]
//   [--at-once N] [--docs] [--verbose]
// For each resource: kills the participant, the coordinator and the resource's server at random while
// transactions are written, and compares what its own client reads with what was decided. Ends with 1
// on any violation. With --docs the figures go into docs/guarantees.md. The seed repeats the choices,
// not the timing of the processes.
import { parseArgs } from 'node:util';
import { writeResourceFigures } from './support/resource-figures.ts';
import { type Pairing, resourceCases } from './support/resource-cases.ts';
import { runResourceKills } from './support/resource-run.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(resourceCases).join() },
    transactions: { type: 'string', default: '1000' },
    'per-kill': { type: 'string', default: '20' },
    'at-once': { type: 'string', default: '1' },
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

const names = values.only.split(',');
for (const name of names) {
  if (resourceCases[name]) continue;
  throw new Error(`--only: ${name} is none of ${Object.keys(resourceCases).join()}`);
}
await Promise.all(Array.from({ length: Number(values['at-once']) }, hitNext));
if (process.exitCode) {
  console.log(`again: npm run crash:resources -- --seed ${seed} --transactions ${transactions}`);
}

/** One after the other, until all are through. */
async function hitNext(): Promise<void> {
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const pairing = resourceCases[name] as Pairing;
    const isHere = pairing.resource.isPresent() && pairing.beside.isPresent();
    if (!isHere) console.log(`${name}: not tried: what it needs is not installed`);
    const isFine = isHere ? await hit(name, pairing) : process.env.UNANIMOUS_TEST_REQUIRE !== 'all';
    if (!isFine) process.exitCode = 1;
  }
}

/** Whether all was as it should be. */
async function hit(name: string, { resource, beside }: Pairing): Promise<boolean> {
  const startedMs = performance.now();
  const options = { transactions, perKill, seed: seed + resource.title.length, say };
  try {
    const result = await runResourceKills({ resource, beside, ...options });
    const { kills, committed, aborted, repeats, resolved, violations } = result;
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    const killed = Object.entries(kills).map(([whom, count]) => `${whom} ${count}`);
    console.log(
      `${name}: ${committed} committed, ${aborted} aborted; killed: ${killed.join(', ')}; ` +
        `${repeats} repeats; ${resolved} looked up; ${violations.length} violations; ${seconds} s`,
    );
    for (const violation of violations) console.log(`  ${violation}`);
    if (values.docs) writeResourceFigures(resource, result);
    return violations.length === 0;
  } catch (error) {
    console.log(`${name}: ${String(error)}`);
    return false;
  }
}
