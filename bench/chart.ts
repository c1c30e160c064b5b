import { escapeXml, svgPage } from '../scripts/svg.ts';
import { figure } from './report.ts';
import type { ScenarioSummary } from './run-scenario.ts';

const panel = { left: 70, width: 340, top: 60, height: 220, gap: 90 };
const colors = ['#0969da', '#cf222e', '#bf8700', '#1a7f37', '#8250df'];

/** A line: its name, and a value for each case that has one. */
interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Two panels over the same axis: the values of all subjects, and the latency of what is ours. */
export function chartOf({ title, chart, cases }: ScenarioSummary): string {
  const xs = cases.flatMap(({ x }) => x ?? []);
  const names = [...new Set(cases.flatMap(({ subjects }) => subjects.map(({ name }) => name)))];
  const values = names.map((name): Line => {
    return { name, points: pointsOf((subject) => subject.name === name && subject.value.median) };
  });
  const latency = (['p50', 'p99', 'p999'] as const).map((percentile): Line => {
    const name = percentile === 'p999' ? 'p99.9' : percentile;
    const points = pointsOf((subject) => {
      return !subject.isFloor && subject.latencyUs && subject.latencyUs[percentile] / 1_000;
    });
    return { name, points };
  });
  const unit = cases[0]?.unit ?? '';
  const second = panel.left + panel.width + panel.gap;
  const width = second + panel.width + 20;
  return svgPage(width, panel.top + panel.height + 50, title, [
    ...drawPanel(panel.left, unit, xs, values),
    ...drawPanel(second, 'latency of ours, ms', xs, latency),
    text(panel.left, panel.top + panel.height + 42, chart?.xLabel ?? ''),
  ]);

  function pointsOf(
    yOf: (subject: (typeof cases)[number]['subjects'][number]) => number | false | undefined,
  ): [number, number][] {
    return cases.flatMap(({ x, subjects }): [number, number][] => {
      const y = subjects.map(yOf).find((value) => typeof value === 'number');
      return x === undefined || typeof y !== 'number' ? [] : [[x, y]];
    });
  }
}

function drawPanel(
  left: number,
  heading: string,
  xs: readonly number[],
  lines: readonly Line[],
): string[] {
  const { width, top, height } = panel;
  const bottom = top + height;
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0);
  // Both axes are logarithmic: the cases grow by factors.
  const toX = scale(Math.min(...xs), Math.max(...xs), left, left + width);
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...ys)));
  const highest = 10 ** Math.ceil(Math.log10(Math.max(...ys)));
  const toY = scale(lowest, highest, bottom, top);
  const grid = decades(lowest, highest).flatMap((y) => [
    `<line x1="${left}" y1="${toY(y)}" x2="${left + width}" y2="${toY(y)}" stroke="#d0d7de"/>`,
    text(left - 6, toY(y) + 4, figure(y), 'end'),
  ]);
  const ticks = xs.map((x) => text(toX(x), bottom + 16, figure(x), 'middle'));
  const drawn = lines.flatMap(({ name, points }, index) => {
    const color = colors[index % colors.length] ?? '#1f2328';
    const path = points.map(([x, y]) => `${toX(x)},${toY(y)}`).join(' ');
    const legendY = top + 14 + index * 14;
    return [
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map(([x, y]) => `<circle cx="${toX(x)}" cy="${toY(y)}" r="3" fill="${color}"/>`),
      `<rect x="${left + 8}" y="${legendY - 8}" width="9" height="9" fill="${color}"/>`,
      text(left + 21, legendY, name),
    ];
  });
  return [text(left, top - 10, heading), ...grid, ...ticks, ...drawn];
}

function scale(from: number, to: number, low: number, high: number): (value: number) => number {
  const span = Math.log(to / from) || 1;
  return (value) => Math.round(low + ((high - low) * Math.log(value / from)) / span);
}

function decades(lowest: number, highest: number): number[] {
  const count = Math.round(Math.log10(highest / lowest));
  return Array.from({ length: count + 1 }, (_, power) => lowest * 10 ** power);
}

function text(x: number, y: number, words: string, anchor = 'start'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeXml(words)}</text>`;
}
