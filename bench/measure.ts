// npm run bench [-- --quick] [--only NAME] [--minutes N] [--json FILE] [--docs]
// Runs the scenarios of bench/scenarios and prints each figure beside its floor, both measured in the
// same run. --docs puts figures and charts into docs/.
import { readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { writeFigures } from '../scripts/write-figures.ts';
import { chartOf } from './chart.ts';
import { markdownOf, textOf } from './report.ts';
import { runScenario, type ScenarioSummary } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    minutes: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    docs: { type: 'boolean', default: false },
  },
});
const isQuick = values.quick;
const scenarios = await chosenScenarios(values.only);
// All scenarios take six minutes together, or half a minute; --minutes is for each.
const shareMs = (isQuick ? 30_000 : 360_000) / (await chosenScenarios(undefined)).length;
const minutes = Number(values.minutes ?? (isQuick ? 0.1 : 1));
const budgetMs = values.minutes === undefined ? shareMs : minutes * 60_000;
const rounds = Number(values.rounds ?? (isQuick ? 3 : 7));

const summaries: ScenarioSummary[] = [];
for (const scenario of scenarios) {
  console.log(`\n${scenario.title} (${scenario.name})`);
  const effort = { isQuick, minutes, rounds, budgetMs };
  summaries.push(await runScenario(scenario, effort, (one) => console.log(textOf(one))));
}

if (values.json !== undefined) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, isQuick, scenarios: summaries }, null, 2)}\n`,
  );
}
if (values.docs) for (const summary of summaries) writeDocs(summary);

async function chosenScenarios(names: readonly string[] | undefined): Promise<Scenario[]> {
  const folder = new URL('./scenarios/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  const all = await Promise.all(
    files.map(async (file) => {
      const { scenario } = (await import(new URL(file, folder).href)) as { scenario: Scenario };
      return scenario;
    }),
  );
  const unknown = names?.find((name) => !all.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new Error(`--only: no ${unknown}; there are ${all.map(({ name }) => name).join(', ')}`);
  }
  return all.filter(({ name }) => names?.includes(name) ?? true);
}

function writeDocs(summary: ScenarioSummary): void {
  const { name, page, chart } = summary;
  const drawing = `performance-${name}.svg`;
  const picture = chart ? `\n\n![${summary.title}](${drawing})` : '';
  const { table } = scenarios.find((scenario) => scenario.name === name) ?? {};
  writeFigures(page, `${table?.(summary.cases) ?? markdownOf(summary)}${picture}`, name);
  if (chart) writeFileSync(new URL(`../docs/${drawing}`, import.meta.url), chartOf(summary));
}
