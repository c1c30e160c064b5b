import { rmSync } from 'node:fs';
import { pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { bundleIn, planted } from './bundle.ts';
import { planOf } from './plan.ts';
import { plantNamed, plants } from './plants.ts';
import type * as Shrinking from './shrink.ts';
import { simulate } from './simulation.ts';
import type * as Slices from './slice.ts';
import { simulateSlice } from './slice.ts';

// `npm run simulate -- --seconds 600` runs on; the mutants' table is `--all-plants`.

const folder = fileURLToPath(new URL(`../../.cache/planted-${pid}/`, import.meta.url));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('no fault splits a transaction, everything comes to its end, and all of it was reached', async () => {
  const slice = await simulateSlice({ firstSeed: 3_000, runs: 100, enoughRuns: 7 });
  expect(slice.broken?.violations).toBeUndefined();
  expect(slice.transactions).toBeGreaterThan(4_000);
  expect(slice.crashes).toBeGreaterThan(20);
  expect(slice.marks.missing).toEqual([]);
}, 240_000);

test('without faults every plain transaction that is given time commits', async () => {
  const { world, ...plan } = planOf(20, 200);
  const rates = {
    refuse: 0,
    loseAnswer: 0,
    slowStatement: 0,
    loseCall: 0,
    failApply: 0,
    failQueue: 0,
  };
  const calm = {
    ...plan,
    faults: [],
    transactions: plan.transactions.map((one) => {
      return { ...one, kind: 'plain' as const, timeoutMs: 10_000 };
    }),
    world: {
      ...world,
      rates: { ...rates, slowReceiver: 0 },
      timeoutMs: 10_000,
      connectTimeoutMs: 10_000,
      waitAppliedMs: 10_000,
      applyTimeoutMs: 30_000,
      maxOpen: 1_000,
      maxBranches: 64,
      maxPayloadBytes: 262_144,
      maxUnappliedBytes: 67_108_864,
      restoreLog: false,
      oldLog: undefined,
    },
  };
  const { violations, transactions, committed, marks } = await simulate(calm);
  expect(violations).toEqual([]);
  expect(transactions).toBe(200);
  expect(committed).toBe(200);
  expect(marks.counts.get('tx.applied')).toBe(200);
});

test('the same seed tells the same story, to the byte', async () => {
  const plan = planOf(6, 100);
  const first = await simulate(plan, true);
  const again = await simulate(plan, true);
  expect(first.story.length).toBeGreaterThan(200);
  expect(again.story.join('\n')).toBe(first.story.join('\n'));
  // Telling it changes nothing.
  const silent = await simulate(plan);
  expect(silent.turns).toBe(first.turns);
});

test('every defect that can be planted has its place in the code', () => {
  for (const plant of plants) expect(planted(plant)).toContain(plant.to);
});

describe('a planted defect is found, and its story is short:', () => {
  test.each(['decide-early', 'deadline-while-deciding', 'no-resend'])(
    '%s',
    async (name) => {
      const place = await bundleIn(`${folder}${name}`, plantNamed(name));
      const { simulateSlice: slice } = (await import(place('slice.ts'))) as typeof Slices;
      const { broken } = await slice({ firstSeed: 1, seconds: 100 });
      expect(broken, 'nothing was found').toBeDefined();
      if (!broken) return;
      const [rule = ''] = broken.violations[0]?.split(':') ?? [];
      const { shrink } = (await import(place('shrink.ts'))) as typeof Shrinking;
      const shrunk = await shrink(broken.plan, rule, 6_000);
      expect(shrunk.violation).toContain(`${rule}: `);
      // How far it gets in its time depends on the machine; that it gets anywhere does not.
      const before = broken.plan.transactions.length;
      expect(shrunk.plan.transactions.length).toBeLessThan(Math.max(60, before));
      expect(shrunk.story.at(-1)).toBeDefined();
    },
    240_000,
  );
});
