import { readFigures, writeFigures } from '../../../scripts/write-figures.ts';
import { markdownTable } from '../../support/markdown-table.ts';
import type { ResourceCase } from './resource-case.ts';
import { resourceCases } from './resource-cases.ts';
import type { ResourceRunResult } from './resource-run.ts';

const page = 'guarantees.md';
const head = [
  'Resource',
  'Transactions',
  'Killed: participant',
  'coordinator',
  'server',
  'Committed',
  'Aborted',
  'Repeats, known by id',
  'Violations',
  'Read by',
];

/** Puts what a run came to into docs/guarantees.md; the rows of other resources stay. */
export function writeResourceFigures(resource: ResourceCase, result: ResourceRunResult): void {
  writeFigures(page, withRow(readFigures(page), rowOf(resource, result)));
}

/** The table with a row in the place of that of the same resource. */
function withRow(table: string, row: readonly string[]): string {
  const lines = table.split('\n').slice(2);
  const cells = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const rows = new Map([...cells, row].map((one) => [one[0], one]));
  const titles = Object.values(resourceCases).map(({ resource }) => resource.title);
  return markdownTable(
    head,
    titles.flatMap((title) => (rows.has(title) ? [rows.get(title)!] : [])),
  );
}

function rowOf({ title, reader }: ResourceCase, result: ResourceRunResult): string[] {
  const { kills, committed, aborted, repeats, violations } = result;
  const { participant, coordinator, server } = kills;
  const killed = [participant, coordinator, server === 0 ? '–' : server];
  const figures = [committed + aborted, ...killed, committed, aborted, repeats, violations.length];
  return [title, ...figures.map(String), reader];
}
