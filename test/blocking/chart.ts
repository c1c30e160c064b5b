import { escapeXml, svgPage } from '../../scripts/svg.ts';
import type { Row } from './report.ts';

const left = 390;
const width = 860;
const barHeight = 9;
const rowHeight = 30;
const top = 56;

/** Two bars for each case: how long writers were blocked, and how long readers saw half. */
export function chartOf(rows: readonly Row[]): string {
  const longestMs = Math.max(...rows.flatMap((row) => [row.blockedMs.p50, row.halfMs.p50]), 1);
  const scale = (ms: number) => ((width - left - 70) * ms) / longestMs;
  const height = top + rows.length * rowHeight + 12;
  const bars = rows.flatMap((row, index) => {
    const y = top + index * rowHeight;
    const bar = (ms: number, offset: number, color: string) => {
      const wide = Math.max(1, scale(ms)).toFixed(1);
      const label = ms < 1 ? '0' : `${Math.round(ms)} ms`;
      return [
        `<rect x="${left}" y="${y + offset}" width="${wide}" height="${barHeight}" fill="${color}"/>`,
        `<text x="${(left + Number(wide) + 5).toFixed(1)}" y="${y + offset + 8}" font-size="10" fill="#57606a">${label}</text>`,
      ];
    };
    return [
      `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${escapeXml(`${row.way}: ${row.hit}`)}</text>`,
      ...bar(row.blockedMs.p50, 0, '#cf222e'),
      ...bar(row.halfMs.p50, barHeight + 2, '#bf8700'),
    ];
  });
  const title =
    'Who waits, and who sees half, when a process is hit and restarted at once (medians)';
  return svgPage(width, height, title, [
    '<rect x="8" y="30" width="10" height="10" fill="#cf222e"/><text x="23" y="39">a writer of the same row waits</text>',
    '<rect x="190" y="30" width="10" height="10" fill="#bf8700"/><text x="205" y="39">readers find the order in one database only</text>',
    ...bars,
  ]);
}
