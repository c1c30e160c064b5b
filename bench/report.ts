import type { ScenarioSummary } from './run-scenario.ts';
import type { CaseSummary, Share, Spread, SubjectSummary } from './summary.ts';

const headings = [
  'Case',
  'Measured',
  'Median',
  'Spread',
  'p50',
  'p99',
  'p99.9',
  'Share of the floor',
];

/** The table of a scenario in Markdown. */
export function markdownOf({ cases }: Pick<ScenarioSummary, 'cases'>): string {
  const rows = cases.flatMap(rowsOf);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A case as lines for the terminal. */
export function textOf(one: CaseSummary): string {
  const rows = rowsOf(one);
  const widths = headings.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function rowsOf(one: CaseSummary): string[][] {
  return one.subjects.map((subject, index) => [
    index === 0 ? one.name : '',
    subject.isFloor ? `floor: ${subject.name}` : subject.name,
    `${figure(subject.value.median)} ${one.unit}`,
    spreadText(subject.value),
    ...latencyTexts(subject),
    subject.shares.map(shareText).join(', '),
  ]);
}

function latencyTexts({ latencyUs }: SubjectSummary): string[] {
  if (!latencyUs) return ['', '', ''];
  return [latencyUs.p50, latencyUs.p99, latencyUs.p999].map((us) => `${figure(us / 1_000)} ms`);
}

function shareText(share: Share): string {
  return `${share.median.toFixed(2)} (${share.low.toFixed(2)} to ${share.high.toFixed(2)}) of ${share.floor}`;
}

function spreadText({ low, high }: Spread): string {
  return `${figure(low)} to ${figure(high)}`;
}

/** Three digits are all that a measurement on a shared machine can tell. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
