import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { pid } from 'node:process';
import { fc } from '../../support/fast-check.ts';
import { afterAll, expect, test } from 'vitest';
import { atomicCommitment } from './atomic-commitment.ts';
import type { Core } from './core.ts';
import { messageRules } from './message-rules.ts';
import { loadMutant, mutants } from './mutants.ts';
import { recordRules } from './record-rules.ts';
import type { Rule } from './rule.ts';
import { run, scripts } from './run.ts';

const folder = fileURLToPath(new URL(`../../../.cache/mutants-${pid}/`, import.meta.url));
const drawn = fc.sample(scripts, { numRuns: 3_000, seed: 7 });

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.for(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'a core that %s is found out',
  async ([name, mutant]) => {
    const core = await loadMutant(mutant, join(folder, name.replaceAll(/\W+/g, '-')));
    const survivors = mutant.killers.filter((rule) => !isBroken(rule, core));
    expect(survivors.map((rule) => rule.name)).toEqual([]);
  },
);

test('every rule finds some mutant', () => {
  const killers = new Set(mutants.flatMap((mutant) => mutant.killers));
  const idle = [...atomicCommitment, ...recordRules, ...messageRules].filter((rule) => {
    return !killers.has(rule);
  });
  expect(idle.map((rule) => rule.name)).toEqual([]);
});

function isBroken(rule: Rule, core: Core): boolean {
  return drawn.some((script) => {
    try {
      run(core, rule.weather, script, [rule]);
      return false;
    } catch {
      return true;
    }
  });
}
