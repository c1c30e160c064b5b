import { join } from 'node:path';
import process from 'node:process';
import { tempDir } from '../support/temp-dir.ts';
import type { Listed } from './catalogue.ts';
import { type Baseline, judge, runBaseline, type Verdict } from './judge.ts';
import { copyRepository } from './scratch-tree.ts';

/** How to run. */
export interface RunMutantsOptions {
  /** Mutants that are tried at the same time. */
  readonly jobs: number;
  /** Told of each verdict as it comes. */
  readonly onVerdict?: (verdict: Verdict) => void;
}

/**
 * Tries mutants, each in a copy of the repository. Answers in their order.
 * @throws Error when a named test fails without any defect, or does not exist.
 */
export async function runMutants(
  listed: readonly Listed[],
  { jobs, onVerdict = () => {} }: RunMutantsOptions,
): Promise<readonly Verdict[]> {
  using scratch = tempDir('unanimous-mutants-');
  process.once('exit', () => scratch.remove()); // a signal disposes of nothing
  const trees = Array.from({ length: jobs }, (_, n) => join(scratch.path, `tree-${n}`));
  for (const tree of trees) copyRepository(tree);
  const [first = ''] = trees;
  const mutants = listed.map(({ mutant }) => mutant);
  const baseline = await runBaseline(first, mutants, jobs);
  checkBaseline(baseline, listed);
  const verdicts: Verdict[] = [];
  const waiting = [...listed.entries()];
  const work = async (tree: string) => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, { area, mutant }] = next;
      const verdict = await judge(tree, area, mutant, baseline);
      verdicts[index] = verdict;
      onVerdict(verdict);
    }
  };
  await Promise.all(trees.map(work));
  return verdicts;
}

function checkBaseline(baseline: Baseline, listed: readonly Listed[]): void {
  const [failure] = baseline.failures;
  if (failure) {
    const { file, title, message } = failure;
    throw new Error(`fails without any defect: ${file} > ${title}\n${message}`);
  }
  for (const { mutant } of listed) for (const name of mutant.tests) baseline.of(name);
}
