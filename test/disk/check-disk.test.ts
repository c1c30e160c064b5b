import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { commandOrSkip } from '../servers/require-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { newTally, type Tally } from './check-list.ts';
import { damageChecks } from './damage-checks.ts';
import { makeImages } from './images.ts';
import type { Line } from './report.ts';
import { runSlice } from './run-slice.ts';

const script = fileURLToPath(new URL('check.ts', import.meta.url));

/** In memory where there is such a folder: a power cut is simulated, not waited for. */
const quickDir = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A sample of what `npm run check:disk` tries, by check. */
function sample(): Map<string, Tally> {
  const args = ['--conditions=@unanimous/source', '--import', import.meta.resolve('tsx'), script];
  const options = ['--sample', '--json', '--dir', quickDir];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...args, ...options], {
    encoding: 'utf8',
    timeout: 170_000,
  });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  const lines = JSON.parse(stdout) as Line[];
  return new Map(lines.map(({ name, tally }) => [name, tally]));
}

let tallies: Map<string, Tally>;

beforeAll(() => {
  tallies = sample();
}, 180_000);

function talliesOf(pattern: RegExp): Tally[] {
  return [...tallies].flatMap(([name, tally]) => (pattern.test(name) ? [tally] : []));
}

function expectRight(tally: Tally | undefined, leastTrials: number): void {
  const { trials, outcomes, wrong } = tally ?? newTally();
  expect(wrong).toEqual([]);
  expect(outcomes.wrong).toBe(0);
  expect(trials).toBeGreaterThanOrEqual(leastTrials);
}

test('a log that is damaged in any way is right, or refused by name with a copy', () => {
  const found = talliesOf(/^(flip|cut|noise|swapped|torn|mixed)/);
  expect(found).toHaveLength(10);
  for (const tally of found) expectRight(tally, 10);
  expect(tallies.get('flip-wal')?.outcomes.refused).toBeGreaterThan(50);
});

test('with a mirror, damage to one file refuses nothing', () => {
  const found = talliesOf(/^mirror/);
  expect(found).toHaveLength(10);
  for (const tally of found) {
    expectRight(tally, 5);
    expect(tally.outcomes.correct).toBe(tally.trials);
  }
});

const needed = commandOrSkip('cc');

needed.test('a call on its files that fails, the n-th one, leaves a log that starts', () => {
  const found = talliesOf(/^call/);
  expect(found).toHaveLength(7);
  for (const tally of found) expectRight(tally, 10);
});

needed.test('a power cut after any write leaves all that was acknowledged', () => {
  const cuts = tallies.get('power-cut');
  expectRight(cuts, 200);
  expect(cuts?.outcomes.refused).toBe(0);
});

test('a wrong answer is noticed', () => {
  using dir = tempDir();
  const [image] = makeImages(dir.path);
  const check = damageChecks.find(({ name }) => name === 'flip-tip');
  if (!image || !check) throw new Error('there is nothing to try');
  const promises = { ...image.promises, acked: [...image.promises.acked, '1-99'] };
  const tally = runSlice(dir.path, check, [{ ...image, promises }], 'sample', { index: 0, of: 1 });
  expect(tally.outcomes.wrong).toBe(tally.trials);
  expect(tally.wrong[0]).toMatch(/flip-tip, killed: tip byte \d+ bit \d: lost 1-99/);
});
