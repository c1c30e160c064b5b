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

/**
 * The figures of the page with a table in Markdown for each part that was tried; the tables of others
 * stay as they are, and a line on top counts all of them.
 */
export function pageOf(
  verdicts: readonly Verdict[],
  areas: readonly string[],
  old: string,
): string {
  const kept = old.split(/^(?=### )/m).filter((part) => part.startsWith('### '));
  const tables = areas.flatMap((area) => {
    const title = `### ${area[0]?.toUpperCase()}${area.slice(1)}\n`;
    const rows = verdicts.filter((verdict) => verdict.area === area).map(rowOf);
    const head = '| Defect | Breaks | Killed by | Seconds |\n| --- | --- | --- | ---: |';
    if (rows.length > 0) return [`${title}\n${[head, ...rows].join('\n')}`];
    return kept.filter((part) => part.startsWith(title)).map((part) => part.trim());
  });
  return [countsOfPage(tables.join('\n')), ...tables].join('\n\n');
}

function countsOfPage(tables: string): string {
  const rows = [...tables.matchAll(/^\| \[.* \| (.*) \| ([\d.]+) \|$/gm)];
  const count = (word: string) => rows.filter(([, by]) => by === word).length;
  const [survived, stale, untried] = [count('SURVIVED'), count('STALE'), count('UNTRIED')];
  const killed = rows.length - survived - stale - untried;
  const seconds = Math.round(rows.reduce((sum, [, , each]) => sum + Number(each), 0));
  const others = `${survived} survived, ${stale} stale, ${untried} untried`;
  return `${killed} killed, ${others}; ${seconds} s in all, one after the other.`;
}

function rowOf({ mutant, is, by, elapsedMs }: Verdict): string {
  const [file = '', ...title] = by.split(' > ');
  const link = `[${file.split('/').at(-1)}](../${file})`;
  const killer = is === 'killed' ? `${link}: ${title.join(' > ')}` : is.toUpperCase();
  const name = `[${mutant.name}](../${mutant.file})`;
  const cells = [name, mutant.breaks.join(', '), killer, (elapsedMs / 1_000).toFixed(1)];
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
