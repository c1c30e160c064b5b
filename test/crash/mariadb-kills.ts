// npm run crash:mariadb -- [--entries N] [--kills N] [--seed S]
// Kills the service, the coordinator and MariaDB at random while entries are written to MariaDB and
// Postgres, and compares both with what was decided. Ends with 1 on any violation.
import { parseArgs } from 'node:util';
import { runMariadbKills } from './support/mariadb-run.ts';

const { values } = parseArgs({
  options: { entries: { type: 'string' }, kills: { type: 'string' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const entries = Number(values.entries ?? 1_000);
const kills = Number(values.kills ?? 100);
console.log(`mariadb: seed ${seed}`);
const result = await runMariadbKills({ entries, kills, seed, say: (line) => console.log(line) });
for (const [whom, count] of result.kills) console.log(`  ${whom} killed: ${count}`);
console.log(
  `entries: ${result.committed} told committed, ${result.aborted} told aborted, ` +
    `${result.untold} without an answer`,
);
console.log(`violations: ${result.violations.length}`);
for (const violation of result.violations) console.log(`  ${violation}`);
if (result.violations.length > 0) process.exitCode = 1;
