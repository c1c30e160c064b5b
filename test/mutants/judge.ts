import type { Mutant } from './mutant.ts';
import { type RunOptions, runTests, type TestResult } from './run-tests.ts';
import { putDefect } from './scratch-tree.ts';

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly area: string;
  /** `untried`: its tests are skipped here, say for want of a server. */
  readonly is: 'killed' | 'survived' | 'stale' | 'untried';
  /** `FILE > TITLE` of the test that killed it; for others what there is to say. */
  readonly by: string;
  readonly elapsedMs: number;
}

/** The named tests without any defect: what they take, and that they pass. */
export class Baseline {
  readonly #results: readonly TestResult[];

  constructor(results: readonly TestResult[]) {
    this.#results = results;
  }

  /** What fails without a defect. */
  get failures(): readonly TestResult[] {
    return this.#results.filter(({ state }) => state === 'failed');
  }

  /** Tests that a name stands for. @throws Error when there is none. */
  of(name: string): readonly TestResult[] {
    const { file, title } = readTestName(name);
    const found = this.#results.filter((one) => one.file === file && one.title.includes(title));
    if (found.length === 0) throw new Error(`there is no test ${name}`);
    return found;
  }
}

/** A test's name, in its two parts. */
export function readTestName(name: string): { readonly file: string; readonly title: string } {
  const [file = '', ...title] = name.split(' > ');
  return { file, title: title.join(' > ') };
}

/** Runs all tests that the mutants name, without any defect. */
export async function runBaseline(
  tree: string,
  mutants: readonly Mutant[],
  jobs: number,
): Promise<Baseline> {
  const names = [...new Set(mutants.flatMap(({ tests }) => tests))].map(readTestName);
  const whole = new Set(names.filter(({ title }) => title === '').map(({ file }) => file));
  const parts = names.filter(({ file }) => !whole.has(file));
  const runs = [
    { files: [...whole], titles: [] as string[] },
    { files: [...new Set(parts.map((p) => p.file))], titles: parts.map((p) => p.title) },
  ];
  const results: TestResult[] = [];
  for (const { files, titles } of runs) {
    if (files.length === 0) continue;
    results.push(...(await runUnspoilt({ tree, files, titles, jobs })));
  }
  return new Baseline(results);
}

/** A file that fails is run once more, alone: on a busy machine a test may wait in vain. */
async function runUnspoilt(
  options: Pick<RunOptions, 'tree' | 'files' | 'titles' | 'jobs'>,
): Promise<readonly TestResult[]> {
  const run = async (files: readonly string[], jobs: number) => {
    const timeoutMs = 600_000;
    const found = await runTests({ ...options, files, jobs, bail: false, timeoutMs });
    if (!found) throw new Error(`without any defect the tests took more than ${timeoutMs} ms`);
    return found;
  };
  const results = await run(options.files, options.jobs);
  const failed = new Set(results.filter(({ state }) => state === 'failed').map((r) => r.file));
  if (failed.size === 0) return results;
  return [...results.filter(({ file }) => !failed.has(file)), ...(await run([...failed], 1))];
}

/** Tries a mutant's tests one after the other, until one of them fails. */
export async function judge(
  tree: string,
  area: string,
  mutant: Mutant,
  baseline: Baseline,
): Promise<Verdict> {
  const startedMs = performance.now();
  const verdict = (is: Verdict['is'], by: string): Verdict => {
    return { mutant, area, is, by, elapsedMs: performance.now() - startedMs };
  };
  const takeOut = putDefect(tree, mutant);
  let triedCount = 0;
  try {
    for (const name of mutant.tests) {
      const usual = baseline.of(name).filter(({ state }) => state === 'passed');
      if (usual.length === 0) continue;
      triedCount += 1;
      const by = await failureOf(tree, name, usual, mutant.alone === true);
      if (!by) continue;
      if (by.others.length > 0) return verdict('survived', `also ${by.others.join('; also ')}`);
      return isStale(by.message) ? verdict('stale', by.message) : verdict('killed', by.name);
    }
  } finally {
    takeOut();
  }
  return triedCount === 0 ? verdict('untried', 'its tests are skipped') : verdict('survived', '');
}

/** A test that fails, and those which must not fail beside it. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly others: readonly string[];
}

/** The test that fails; a run that takes many times as long as without the defect fails, too. */
async function failureOf(
  tree: string,
  name: string,
  usual: readonly TestResult[],
  isAlone: boolean,
): Promise<Failure | undefined> {
  const { file, title } = readTestName(name);
  const longestMs = Math.max(...usual.map(({ durationMs }) => durationMs));
  const wholeMs = usual.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const results = await runTests({
    tree,
    files: [file],
    titles: title === '' || isAlone ? [] : [title],
    bail: !isAlone,
    testTimeoutMs: Math.round(10_000 + 5 * longestMs),
    timeoutMs: 60_000 + 5 * wholeMs,
    jobs: 1,
  });
  if (!results) return { name: `${name} (it did not end)`, message: '', others: [] };
  const failures = results.filter(({ state }) => state === 'failed');
  const [failed] = failures;
  if (!failed) return undefined;
  const others = failures.filter((one) => isAlone && !one.title.includes(title));
  const what = failed.title === '' ? '(before its tests)' : failed.title;
  return {
    name: `${failed.file} > ${what}`,
    message: failed.message,
    others: others.map((one) => `${one.title}: ${one.message.split('\n')[0]}`),
  };
}

/** A defect that is no program kills nothing. */
function isStale(message: string): boolean {
  return /\b(?:SyntaxError|ReferenceError|Transform failed|PARSE_ERROR)\b/.test(message);
}
