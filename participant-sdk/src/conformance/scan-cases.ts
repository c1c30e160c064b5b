import { type BranchId, formatBranchId } from '@unanimous/proto';
import type { Bench } from './bench.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';
import type { Instance } from './instance.ts';
import type { Trial } from './trial.ts';

/** Texts of the ids that a scan finds. @throws ConformanceError when it finds the same twice. */
export async function scanned(bench: Bench, { resource }: Instance): Promise<Set<string>> {
  const found = await resource.scan();
  const texts = found.map((id) => formatBranchId(id));
  const own = texts.filter((text) => text.includes(bench.logId));
  demand(
    new Set(own).size === own.length,
    'scan() lists a prepared branch twice',
    'list each prepared branch once, by the id that it was prepared with',
  );
  return new Set(own);
}

/** Fails unless the scan finds these branches and no others of this bench. */
export async function mustFind(
  bench: Bench,
  instance: Instance,
  trials: readonly { readonly id: BranchId }[],
  when: string,
): Promise<void> {
  const found = await scanned(bench, instance);
  const expected = trials.map(({ id }) => formatBranchId(id));
  const missing = expected.filter((text) => !found.has(text));
  demand(
    missing.length === 0,
    `scan() ${when} misses ${missing.length} of ${expected.length} branches that voted yes: ` +
      `${missing[0]}; who crashes now leaves them locked for ever`,
    'let prepare() resolve only when the branch is durable under its formatBranchId(id), and let ' +
      'scan() list all that are, whichever process prepared them and whatever their number',
  );
  const surplus = [...found].find((text) => !expected.includes(text));
  demand(
    surplus === undefined,
    `scan() ${when} lists what is not prepared under this name: ${surplus}`,
    'list prepared branches only, and only those whose parseBranchId(…) has this rm: the ' +
      "coordinator's answer ends them",
  );
}

/** What an in-doubt scan finds, and what became of what it does not find. */
export const scanCases: readonly CaseDefinition[] = [
  {
    name: 'a scan finds what is prepared, by whichever instance, and nothing else',
    kinds: 'native',
    holdsMany: true,
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const make = (instance: Instance) => bench.prepared(instance, [[bench.key(), 'x']]);
      const one = await make(first);
      await mustFind(bench, second, [one], 'right after the vote');
      const all = [one, await make(second), await make(first)];
      await bench.written(first, [[bench.key(), 'not prepared']]);
      for (const instance of [first, second]) {
        await mustFind(bench, instance, all, 'while branches are prepared');
      }
      const [, two, three] = all as [Trial, Trial, Trial];
      await bench.mustCommit(second, one, 'of what a scan found');
      await bench.mustAbort(first, two, 'of what a scan found');
      await mustFind(bench, first, [three], 'after one was committed and one aborted');
      const third = await bench.instance();
      await mustFind(bench, third, [three], 'by a new instance');
      await bench.mustAbort(third, three, 'of what a scan found');
    },
  },
  {
    name: 'a scan leaves alone what stands in the same server under similar names',
    kinds: 'native',
    holdsMany: true,
    async run(bench) {
      const { rm } = bench;
      const names = [rm, `${rm}.b`, `${rm}b`, `b.${rm}`];
      const trials: Trial[] = [];
      for (const name of names) {
        const instance = await bench.instance(name);
        trials.push(await bench.prepared(instance, [[bench.key(), name]]));
      }
      for (const trial of trials) {
        await mustFind(bench, trial.instance, [trial], 'beside others of similar names');
      }
      for (const trial of trials) {
        await bench.mustCommit(trial.instance, trial, 'beside others of similar names');
      }
    },
  },
  {
    name: 'a scan is not disturbed by what others have prepared in the same server',
    kinds: 'native',
    needs: ['foreign'],
    async run(bench) {
      const remove = await bench.subject.foreign?.();
      try {
        const instance = await bench.instance();
        const trial = await bench.prepared(instance, [[bench.key(), 'ours']]);
        const found = await instance.resource.scan();
        const ours = found.filter(({ gid }) => gid.startsWith(bench.logId));
        demand(
          ours.length === 1 && found.every(({ rm }) => rm === bench.rm),
          'scan() is disturbed by transactions that are not ours',
          'read the list by parseBranchId(text), and leave out what it gives undefined for',
        );
        await bench.mustCommit(instance, trial, 'beside what others have prepared');
      } finally {
        await remove?.();
      }
    },
  },
  {
    name: 'a branch that was never prepared is no success',
    kinds: 'native',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const never = bench.trial(first);
      const trial = await bench.written(first, [[key, 'open']]);
      await trial.rollback();
      for (const { id } of [never, trial]) {
        const committed = await bench.commit(second, id, never.voted);
        demand(
          committed.result !== 'committed',
          'commit() of a branch that was never prepared was answered committed: a lost write ' +
            'passes for a success',
          'when commit() finds no such branch, answer "committed" only where a receipt shows it; ' +
            'otherwise { result: "unknown", reason } or "rolled-back"',
        );
        const settled = await second.resource.settle(id, '');
        demand(
          settled.result !== 'committed',
          'settle() without a receipt was answered committed',
          'answer { result: "unknown", reason } where there is no receipt that shows it',
        );
        const aborted = await bench.abort(second, id, '');
        demand(
          aborted.result !== 'committed',
          'abort() of a branch that was never prepared was answered committed',
          'what is not there and has no receipt was not committed: answer "rolled-back"',
        );
      }
      await bench.see(
        key,
        [],
        'after orders for branches that were never prepared',
        'write nothing',
      );
    },
  },
  {
    name: 'a branch that an operator rolled back is told apart',
    kinds: 'native',
    needs: ['byHand.rollBack'],
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const trial = await bench.prepared(first, [[bench.key(), 'gone']]);
      await bench.subject.byHand?.rollBack?.(trial.id);
      trial.isInDoubt = false;
      for (const instance of [first, second]) {
        await mustFind(bench, instance, [], 'after an operator has rolled back the only branch');
        const lost = await bench.commit(instance, trial.id, trial.voted);
        demand(
          lost.result !== 'committed',
          'commit() of a branch that was rolled back by hand was answered committed: the write is ' +
            'lost and nobody hears of it',
          'when the branch is not prepared any more, look up by its receipt what became of it: ' +
            '"rolled-back" where that shows it, else { result: "unknown", reason }',
        );
      }
    },
  },
  {
    name: 'a branch that an operator committed is told apart',
    kinds: 'native',
    needs: ['byHand.commit'],
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const trial = await bench.prepared(first, [[key, 'kept']]);
      await bench.subject.byHand?.commit?.(trial.id);
      trial.isInDoubt = false;
      for (const instance of [first, second]) {
        await mustFind(bench, instance, [], 'after an operator has committed the only branch');
        const same = await bench.commit(instance, trial.id, trial.voted);
        demand(
          same.result !== 'rolled-back',
          'commit() of a branch that was committed by hand was answered rolled-back',
          'look up by the receipt what became of the branch; answer "unknown" where it cannot tell',
        );
        const against = await bench.abort(instance, trial.id, trial.voted.receipt);
        demand(
          against.result !== 'rolled-back',
          'abort() of a branch that was committed by hand was answered rolled-back: somebody ' +
            'committed what the transaction aborted, and nobody hears of it',
          'let abort() ask the receipt, too, when it finds no prepared branch',
        );
      }
      await bench.see(
        key,
        ['kept'],
        'after orders for it',
        'let abort() end prepared branches only',
      );
    },
  },
];
