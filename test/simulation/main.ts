import process from 'node:process';
import { sometimes } from './marks.ts';
import { planOf } from './plan.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulation.ts';
import { type Slice, type SliceLimits, simulateSlice } from './slice.ts';

/** Longest search for a smaller run. */
const shrinkMs = 60_000;

/** Transactions below which a mark that was never reached says nothing. */
const fewTransactions = 50_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs seeds; false when a rule was broken, or something was never reached. */
export async function run(
  options: SliceLimits & { readonly plant: readonly string[] },
): Promise<boolean> {
  const slice = await simulateSlice(options);
  say(figures(slice));
  if (slice.broken) {
    await explain(slice.broken, options.plant);
    return false;
  }
  const { missing } = slice.marks;
  if (missing.length === 0 || slice.transactions < fewTransactions) return true;
  say(`never reached:\n${missing.map((mark) => `  ${mark}: ${sometimes[mark]}`).join('\n')}`);
  return false;
}

/** Plays one seed, and tells its story. */
export async function replay(seed: number): Promise<boolean> {
  Error.stackTraceLimit = 10; // which costs too much in the long runs
  const { story, violations } = await simulate(planOf(seed), true);
  say([...story, ...violations].join('\n'));
  return violations.length === 0;
}

/** Looks how fast a planted defect is found. */
export async function find(
  { name, about }: { readonly name: string; readonly about: string },
  firstSeed: number,
): Promise<boolean> {
  const { broken, elapsedMs, cpuMs, runs } = await simulateSlice({ firstSeed, seconds: 240 });
  const took = `${(elapsedMs / 1_000).toFixed(1)} s (${(cpuMs / 1_000).toFixed(1)} s of processor time)`;
  const found = broken ? `${took}, run ${runs}: ${broken.violations[0]}` : 'NOT FOUND';
  say(`${name} (${about}): ${found}`);
  return broken !== undefined;
}

async function explain(
  { plan, violations }: NonNullable<Slice['broken']>,
  plant: readonly string[],
): Promise<void> {
  const [first = ''] = violations;
  say(`\nseed ${plan.seed} breaks a rule:\n${violations.join('\n')}`);
  say(`replay: npm run simulate -- ${['--seed', plan.seed, ...plant].join(' ')}`);
  const shrunk = await shrink(plan, first.split(':')[0] ?? '', shrinkMs);
  const { transactions, faults } = shrunk.plan;
  say(
    `\nmade smaller in ${shrunk.tries} runs: ${transactions.length} transactions, ` +
      `${faults.length} faults\n\n${shrunk.story.join('\n')}\n\n${shrunk.violation}`,
  );
}

function figures(slice: Slice): string {
  const number = (value: number) => Math.round(value).toLocaleString('en-US');
  const { runs, transactions, committed, crashes, faults, states, marks } = slice;
  const rate = (transactions / slice.cpuMs) * 1_000;
  const reached = Object.keys(sometimes).length - marks.missing.length;
  return [
    `runs ${number(runs)}`,
    `transactions ${number(transactions)} (${number(committed)} committed)`,
    `faults ${number(faults)}, processes that died ${number(crashes)}`,
    `states in which a coordinator died ${number(states.size)}`,
    `reached ${reached} of ${Object.keys(sometimes).length}`,
    `simulated ${number(slice.simulatedMs / 1_000)} s in ${number(slice.elapsedMs / 1_000)} s`,
    `transactions a second ${number((transactions / slice.elapsedMs) * 1_000)}, of processor time ${number(rate)}`,
    `violations ${slice.broken?.violations.length ?? 0}`,
  ].join('\n');
}
