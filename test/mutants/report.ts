import type { Verdict } from './judge.ts';

/** One line about a verdict, for people who wait. */
export function lineOf({ mutant, area, is, by, elapsedMs }: Verdict): string {
  const words = is === 'survived' ? 'SURVIVED' : is === 'killed' ? 'killed' : is.toUpperCase();
  const seconds = `${(elapsedMs / 1_000).toFixed(1)} s`;
  const tail =
    by === '' ? `by none of ${mutant.tests.join(', ')}` : is === 'survived' ? by : `by ${by}`;
  return `${words.padEnd(8)} ${seconds.padStart(6)}  ${area}: ${mutant.name}\n  ${tail}`;
}

/** How many of each. */
export function countsOf(verdicts: readonly Verdict[]): string {
  const kinds = ['killed', 'survived', 'stale', 'untried'] as const;
  return kinds.map((is) => `${verdicts.filter((v) => v.is === is).length} ${is}`).join(', ');
}

/** A table in Markdown for each part. */
export function pageOf(verdicts: readonly Verdict[]): string {
  const areas = [...new Set(verdicts.map(({ area }) => area))];
  return areas
    .map((area) => {
      const rows = verdicts.filter((verdict) => verdict.area === area).map(rowOf);
      const head = '| Defect | Breaks | Killed by | Seconds |\n| --- | --- | --- | ---: |';
      return `### ${area[0]?.toUpperCase()}${area.slice(1)}\n\n${[head, ...rows].join('\n')}`;
    })
    .join('\n\n');
}

function rowOf({ mutant, is, by, elapsedMs }: Verdict): string {
  const [file = '', ...title] = by.split(' > ');
  const link = `[${file.split('/').at(-1)}](../${file})`;
  const killer = is === 'killed' ? `${link}: ${title.join(' > ')}` : is.toUpperCase();
  const name = `[${mutant.name}](../${mutant.file})`;
  const cells = [name, mutant.breaks.join(', '), killer, (elapsedMs / 1_000).toFixed(1)];
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
