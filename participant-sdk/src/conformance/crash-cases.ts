import { type BranchId, formatBranchId } from '@unanimous/proto';
import { sleep, systemAmbient } from '../ambient.ts';
import type { Bench } from './bench.ts';
import { inChild, type ReportedBranch } from './child-process.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';
import type { Instance } from './instance.ts';
import { mustFind } from './scan-cases.ts';

const texts = [
  ['', 'first'],
  ['-b', 'second'],
  ['-c', 'third'],
] as const;

const atOnce = 8;

/** A process is killed with kill -9 at each step, and another instance ends what it left. */
export const crashCases: readonly CaseDefinition[] = [
  {
    name: 'killed with branches at every step, while it commits: another instance ends them all',
    kinds: 'both',
    needs: ['child'],
    holdsMany: true,
    async run(bench) {
      const keys = Array.from({ length: 3 + atOnce }, () => bench.key());
      await using child = await inChild(bench, { job: 'steps', keys });
      await child.said('committed 1');
      await child.kill();
      const instance = await bench.instance();
      const at = (step: ReportedBranch['step']) =>
        child.branches().filter((branch) => branch.step === step);
      for (const { key } of at('committed')) {
        await seeAll(bench, key, true, 'after a kill, of what commit() had resolved for,');
      }
      for (const { key } of [...at('written'), ...at('unheard')]) {
        await seeAll(bench, key, false, 'after a kill before the vote was told');
      }
      for (const branch of at('prepared')) {
        await bench.mustCommit(instance, branch, 'after a kill between vote and ack', branch.place);
      }
      for (const branch of at('committed')) {
        const when = 'after a kill between commit and ack';
        await bench.mustCommit(instance, branch, when, branch.place);
      }
      for (const { key } of [...at('prepared'), ...at('committed')]) {
        await seeAll(bench, key, true, 'after another instance committed for a killed one');
      }
      if (bench.subject.kind === 'native') await mustEnd(bench, instance, at('unheard'));
      for (const branch of at('one phase')) await mustSettle(bench, instance, branch);
    },
  },
  {
    name: 'killed while it prepares: what voted is found, the rest is gone or can be ended',
    kinds: 'both',
    needs: ['child'],
    holdsMany: true,
    async run(bench) {
      const keys = Array.from({ length: atOnce }, () => bench.key());
      await using child = await inChild(bench, { job: 'preparing', keys });
      await child.said('prepared 2');
      await child.kill();
      const instance = await bench.instance();
      const voted = child.branches().filter(({ step }) => step === 'prepared');
      if (instance.resource.kind === 'native') await mustHold(bench, instance, voted);
      for (const branch of voted) {
        await bench.mustCommit(instance, branch, 'after a kill between vote and commit');
      }
      await endTheRest(bench, instance);
      for (const { key, step } of child.branches()) {
        await seeAll(
          bench,
          key,
          step === 'prepared',
          `after a kill while others prepared (${step})`,
        );
      }
    },
  },
];

/** All writes of a branch are there once, or none is. */
async function seeAll(bench: Bench, key: string, areThere: boolean, when: string): Promise<void> {
  for (const [suffix, text] of texts) {
    const mend = areThere
      ? 'resolve prepare() and commit() only when the target has made it durable, and know by the ' +
        'id what was done before'
      : 'let nothing of a branch be seen before its commit, whoever dies';
    await bench.see(`${key}${suffix}`, areThere ? [text] : [], when, mend);
  }
}

/** What nobody had heard the vote of is found, and ended without a receipt. */
async function mustEnd(bench: Bench, instance: Instance, unheard: readonly ReportedBranch[]) {
  await mustFind(bench, instance, unheard, 'after a kill -9');
  for (const { id, key } of unheard) {
    const { result } = await bench.abort(instance, id, '');
    demand(
      result === 'rolled-back',
      `abort() of what a scan found after a crash was answered ${result}`,
      'let abort() end a prepared branch without its receipt: the vote was never heard',
    );
    await seeAll(bench, key, false, 'after the abort of what a scan found');
  }
  await mustFind(bench, instance, [], 'after all was ended');
}

async function mustHold(bench: Bench, instance: Instance, voted: readonly ReportedBranch[]) {
  const found = new Set((await instance.resource.scan()).map((id) => formatBranchId(id)));
  for (const { id } of voted) {
    demand(
      found.has(formatBranchId(id)),
      `scan() misses a branch whose vote was told before its process was killed: ${formatBranchId(id)}`,
      'resolve prepare() only when the branch is durable, and let scan() list it',
    );
  }
}

/** A prepare that was on its way may land a little later than its process dies. */
async function endTheRest(bench: Bench, instance: Instance): Promise<void> {
  if (instance.resource.kind !== 'native') return;
  for (let empty = 0; empty < 2; empty += 1) {
    const own = (await instance.resource.scan()).filter(isOf(bench));
    if (own.length > 0) empty = -1;
    for (const id of own) await bench.abort(instance, id, '');
    await sleep(systemAmbient, 100);
  }
}

const isOf = (bench: Bench) => (id: BranchId) => id.gid.startsWith(bench.logId);

async function mustSettle(bench: Bench, instance: Instance, branch: ReportedBranch): Promise<void> {
  const { result } = await instance.resource.settle(branch.id, branch.voted.receipt);
  demand(
    result === 'committed',
    `settle() of what a killed process had committed in one phase said ${result}`,
    'let the receipt tell it to any instance; where it cannot, set canOnePhase to false',
  );
  await seeAll(bench, branch.key, true, 'after one phase in a process that was killed');
}
