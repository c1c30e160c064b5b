// npm run soak -- --minutes N | --kills N [--seed S]
// Kills and freezes processes, crashes databases and breaks the network at random while orders are
// placed, and compares all places with each other and with what clients were told. Ends with 1 on any
// violation. The seed repeats the choices, not the timing of the processes. Ctrl-C ends it after the
// round that runs.
import { parseArgs } from 'node:util';
import { soak } from './support/soak-run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    kills: { type: 'string' },
    seed: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const minutes = Number(values.minutes ?? (values.kills ? 600 : 10));
const kills = Number(values.kills ?? Infinity);
console.log(`soak: seed ${seed}`);
const ending = new AbortController();
process.once('SIGINT', () => ending.abort());

const { signal } = ending;
const result = await soak({ seed, minutes, kills, say: (line) => console.log(line), signal });
for (const [what, count] of result.hits) console.log(`  ${what}: ${count}`);
console.log(`kills: ${result.kills}`);
console.log(
  `orders: ${result.orders}, of which ${result.placed} confirmed, ${result.refused} refused, ` +
    `${result.unanswered} without a certain answer`,
);
console.log(`longest blocked: ${Math.round(result.longestBlockedMs)} ms`);
console.log(`deliveries repeated, and known by their id: ${result.repeatedDeliveries}`);
console.log(`looked up after a crash of a server in one phase: ${result.resolved}`);
console.log(`violations: ${result.violations.length}`);
for (const violation of result.violations) console.log(`  ${violation}`);
if (result.violations.length > 0) {
  console.log(`again: npm run soak -- --seed ${seed} --kills ${result.kills}`);
  process.exitCode = 1;
}
