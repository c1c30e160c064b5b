import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** One test, or a file that failed outside of its tests; then the title is empty. */
export interface TestResult {
  /** Relative to the tree. */
  readonly file: string;
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
  /** Why it failed. */
  readonly message: string;
}

/** Which tests to run, and for how long. */
export interface RunOptions {
  readonly tree: string;
  readonly files: readonly string[];
  /** Only tests with one of these in their full name; all when empty. */
  readonly titles: readonly string[];
  readonly bail: boolean;
  /** Longest time for one test that sets none of its own. */
  readonly testTimeoutMs?: number;
  /** When the run is ended by force. */
  readonly timeoutMs: number;
  /** Files at the same time. */
  readonly jobs: number;
}

/** What vitest's JSON reporter says, as far as it is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Vitest processes that run, each the leader of a group with all that its tests have started. */
const running = new Set<ChildProcess>();

function tell(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** However this process ends, but by SIGKILL, nobody is left behind. */
process.on('exit', () => {
  for (const child of running) tell(child, 'SIGKILL');
});

/** Ends all test runs, and whatever they have started: asks first, so that they end their servers. */
export async function endRuns(): Promise<void> {
  const ends = [...running].map((child) => new Promise((resolve) => child.on('close', resolve)));
  for (const child of running) tell(child, 'SIGTERM');
  const patience = new Promise((resolve) => setTimeout(resolve, 5_000).unref());
  await Promise.race([Promise.all(ends), patience]);
}

/** Runs tests of a tree in a process of their own. Undefined when its time was over. */
export async function runTests(options: RunOptions): Promise<readonly TestResult[] | undefined> {
  const { tree, files, titles, bail, testTimeoutMs, timeoutMs, jobs } = options;
  const report = join(tree, '.cache', 'report.json');
  rmSync(report, { force: true });
  const args = [
    join(tree, 'node_modules/vitest/vitest.mjs'),
    ...['run', ...files, '--reporter=json', `--outputFile=${report}`, `--maxWorkers=${jobs}`],
    ...(bail ? ['--bail=1'] : []),
    ...(titles.length > 0 ? ['-t', titles.map(escape).join('|')] : []),
    ...(testTimeoutMs === undefined ? [] : [`--testTimeout=${testTimeoutMs}`]),
  ];
  // As many random runs as the rules' own mutants get, see test/coordinator/protocol.
  // Of the layers' rules each sees its defect in the life that is written down.
  const env = { ...process.env, PROTOCOL_RUNS: '3000', PROPERTY_RUNS: '0' };
  const child = spawn(process.execPath, args, { cwd: tree, env, detached: true, stdio: 'pipe' });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  }
  let isLate = false;
  const end = (signal: NodeJS.Signals) => {
    isLate = true;
    tell(child, signal);
  };
  const timers = [
    setTimeout(() => end('SIGTERM'), timeoutMs), // so that it ends its servers
    setTimeout(() => end('SIGKILL'), timeoutMs + 5_000),
  ];
  await new Promise((resolve) => child.on('close', resolve));
  for (const timer of timers) clearTimeout(timer);
  running.delete(child);
  if (isLate) return undefined;
  if (!existsSync(report)) throw new Error(`vitest wrote no report: ${said}`);
  return readReport(tree, JSON.parse(readFileSync(report, 'utf8')) as Report);
}

function readReport(tree: string, { testResults }: Report): TestResult[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.slice(tree.length + 1);
    const tests = assertionResults.map((one): TestResult => {
      const { fullName: title, duration: durationMs = 0, failureMessages } = one;
      const isEnded = one.status === 'passed' || one.status === 'failed';
      const state = isEnded ? one.status : 'skipped';
      return { file, title, state, durationMs, message: failureMessages.join('\n') };
    });
    const isBrokenAround = status === 'failed' && !tests.some(({ state }) => state === 'failed');
    if (!isBrokenAround) return tests;
    return [...tests, { file, title: '', state: 'failed', durationMs: 0, message }];
  });
}

function escape(title: string): string {
  return title.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
