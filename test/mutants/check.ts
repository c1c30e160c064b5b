// Tries every mutant: `npm run mutants -- [--only NAME|AREA] [--slice K/N] [--jobs N] [--list]
// [--json] [--write]`. Ends with 1 when one survives. `--write` puts the tables, or that of one area, into
// docs/mutants.md.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { readFigures, writeFigures } from '../../scripts/write-figures.ts';
import { areas, choose } from './catalogue.ts';
import { countsOf, lineOf, pageOf } from './report.ts';
import { runMutants } from './run-mutants.ts';
import { endRuns } from './run-tests.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    slice: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

for (const [signal, number] of [['SIGINT', 2] as const, ['SIGTERM', 15] as const]) {
  process.once(signal, () => void endRuns().then(() => process.exit(128 + number)));
}

const { only, slice } = values;
const chosen = choose({ ...(only && { only }), ...(slice && { slice }) });
if (values.list) {
  for (const { area, mutant } of chosen) {
    say(`${area}: ${mutant.name} (${mutant.breaks.join(', ')}) in ${mutant.file}`);
  }
} else {
  if (values.write && (slice !== undefined || (only && !areas.includes(only)))) {
    throw new Error('--write needs all mutants, or all of one area');
  }
  const startedMs = performance.now();
  const verdicts = await runMutants(chosen, {
    jobs: Number(values.jobs),
    onVerdict: (verdict) => values.json || say(lineOf(verdict)),
  });
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const summary = `${countsOf(verdicts)}; ${seconds} s.`;
  if (values.json) say(JSON.stringify(verdicts, undefined, 2));
  else {
    for (const verdict of verdicts.filter(({ is }) => is !== 'killed')) say(lineOf(verdict));
    say(summary);
  }
  if (values.write) writeFigures('mutants.md', pageOf(verdicts, areas, readFigures('mutants.md')));
  process.exitCode = verdicts.every(({ is }) => is === 'killed' || is === 'untried') ? 0 : 1;
}
