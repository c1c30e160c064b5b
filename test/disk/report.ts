import { markdownTable } from '../support/markdown-table.ts';
import type { Scale, Tally } from './check-list.ts';

/** A line of the table: a check, and what it has found. */
export interface Line {
  readonly name: string;
  readonly about: string;
  readonly scale: Scale;
  readonly tally: Tally;
}

const number = new Intl.NumberFormat('en-US');

/** The table as Markdown writes it, readable in a terminal, too. */
export function tableOf(lines: readonly Line[]): string {
  const head = ['check', 'trials', 'correct', 'refused', 'open window', 'wrong', 'seconds'];
  const rows = lines.map(({ name, tally: { trials, outcomes, milliseconds } }) => [
    name,
    ...[trials, outcomes.correct, outcomes.refused, outcomes.exposed, outcomes.wrong].map((value) =>
      number.format(value),
    ),
    (milliseconds / 1_000).toFixed(1),
  ]);
  return markdownTable(head, rows);
}

/** What each check tries. */
export function tableOfChecks(lines: readonly Line[]): string {
  const abouts = new Map(lines.map(({ name, about }) => [name, about]));
  return markdownTable(['check', 'what is tried'], [...abouts]);
}
