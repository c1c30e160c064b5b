// Damages logs in every way and starts on each: `npm run check:disk -- [--sample | --quick | --long]
// [--only NAME …] [--image NAME …] [--jobs N] [--dir FOLDER] [--reasons] [--json] [--write]`. Without a
// scale every byte of the main images is flipped and every length tried; `--quick` takes some
// thousands, `--long` every bit. `--dir` is where it works, best in memory (/dev/shm). `--write` puts the
// tables into docs/disk-faults.md; with `--read FILE`, once or more, those that earlier runs printed with
// `--json`. SIGINT ends a run early; it then tells of what it has tried.
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFigures } from '../../scripts/write-figures.ts';
import { makeBench } from './all-checks.ts';
import { addTally, newTally, type Tally } from './check-list.ts';
import { type Line, tableOf, tableOfChecks } from './report.ts';
import { runSlice } from './run-slice.ts';
import { buildShim, shimEnvironment } from './shim/build-shim.ts';

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    image: { type: 'string', multiple: true },
    read: { type: 'string', multiple: true },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    dir: { type: 'string', default: tmpdir() },
    reasons: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    slice: { type: 'string' },
  },
});

const scale = (['sample', 'quick', 'long'] as const).find((name) => values[name]) ?? 'full';
const jobs = Number(values.jobs);

/** What a child process says, now and then and when a check is over: what it has come to. */
interface FromSlice extends Omit<Line, 'scale'> {
  /** The trial that it begins; undefined when the check is over. */
  readonly at?: string;
}

type Add = (line: Omit<Line, 'scale'>) => void;

const silenceMs = 60_000;
const heartbeatMs = 1_000;

if (values.read) {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Line[];
  finish(values.read.flatMap(read));
} else if (values.slice === undefined) await runAll();
else runOneSlice(values.dir, Number(values.slice));

function runOneSlice(root: string, index: number): void {
  let saidAtMs = 0;
  const tell = (message: FromSlice) => process.send?.(message);
  const { images: all, checks } = makeBench(root);
  const images = all.filter(({ name }) => values.image?.includes(name) ?? true);
  for (const check of checks) {
    if (values.only && !values.only.some((name) => check.name.startsWith(name))) continue;
    const { name, about } = check;
    const onTrial = (at: string, tally: Tally) => {
      if (performance.now() - saidAtMs < heartbeatMs) return;
      saidAtMs = performance.now();
      tell({ name, about, tally, at });
    };
    const tally = runSlice(root, check, images, scale, { index, of: jobs }, onTrial);
    tell({ name, about, tally });
  }
  process.disconnect();
}

async function runAll(): Promise<void> {
  const lines = new Map<string, Line>();
  const add: Add = ({ name, about, tally }) => {
    const line = lines.get(name) ?? { name, about, scale, tally: newTally() };
    addTally(line.tally, tally);
    lines.set(name, line);
  };
  const root = mkdtempSync(join(values.dir, 'unanimous-disk-'));
  try {
    const shim = buildShim(root);
    if (!shim) process.stderr.write('command absent: cc (no failing calls, no power cuts)\n');
    const slices = Array.from({ length: jobs }, (_, index) => index);
    const ends = slices.map((index) => superviseSlice(root, index, shim, add));
    await Promise.allSettled(ends);
    await Promise.all(ends);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  finish([...lines.values()]);
}

function finish(all: readonly Line[]): void {
  if (all.length === 0) throw new Error('no check has that name');
  if (values.json) process.stdout.write(`${JSON.stringify(all)}\n`);
  else print(all);
  if (all.some(({ tally }) => tally.outcomes.wrong > 0)) process.exitCode = 1;
  if (values.write) writePage(all);
}

function print(lines: readonly Line[]): void {
  process.stdout.write(`${tableOf(lines)}\n`);
  for (const { name, tally } of lines) {
    for (const wrong of tally.wrong) process.stdout.write(`WRONG ${wrong}\n`);
    if (!values.reasons) continue;
    for (const [reason, times] of Object.entries(tally.reasons)) {
      process.stdout.write(`${name}: ${times} times ${reason}\n`);
    }
  }
}

/** Runs one slice in a process of its own; one that says nothing for a minute hangs. */
async function superviseSlice(
  root: string,
  index: number,
  shim: string | undefined,
  add: Add,
): Promise<void> {
  const dir = join(root, `slice-${index}`);
  mkdirSync(dir);
  const args = [...process.argv.slice(2), '--dir', dir, '--slice', String(index)];
  const env = { ...process.env, ...(shim && shimEnvironment(shim, dir)) };
  const child = fork(fileURLToPath(import.meta.url), args, { env });
  let last: FromSlice | undefined;
  let isEndedEarly = false;
  const endEarly = () => {
    isEndedEarly = true;
    child.kill('SIGKILL');
  };
  process.once('SIGINT', endEarly);
  let timer: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => child.kill('SIGKILL'), silenceMs);
  };
  listen();
  child.on('message', (message: FromSlice) => {
    listen();
    last = message;
    if (message.at === undefined) add(message);
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  clearTimeout(timer);
  process.off('SIGINT', endEarly);
  if (isEndedEarly && last?.at !== undefined) add(last);
  else if (code !== 0 && !isEndedEarly) {
    throw new Error(`a process ended with ${code ?? signal}, at ${last?.at ?? 'the beginning'}`);
  }
}

function writePage(lines: readonly Line[]): void {
  const day = new Date().toISOString().slice(0, 10);
  const tables = (['sample', 'quick', 'full', 'long'] as const).flatMap((each) => {
    const ofScale = lines.filter((line) => line.scale === each);
    const command = `npm run check:disk${each === 'full' ? '' : ` -- --${each}`}`;
    const head = `\`${command}\`, ${day} (seconds of all processes together):`;
    return ofScale.length === 0 ? [] : [head, tableOf(ofScale)];
  });
  writeFigures('disk-faults.md', [...tables, tableOfChecks(lines)].join('\n\n'));
}
