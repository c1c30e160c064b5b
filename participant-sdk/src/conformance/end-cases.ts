import { demand, ConformanceError } from './conformance-error.ts';
import { inWords } from './bench.ts';
import type { CaseDefinition } from './conformance-case.ts';

const once =
  'make phase two idempotent: a commit that comes again must find that the branch (logged: the ' +
  'effect, by its id) is done, in the same atomic step that does it';

/** Phase two: again, elsewhere, and at the same time. */
export const endCases: readonly CaseDefinition[] = [
  {
    name: 'commit is idempotent: again, by another instance, and after a close',
    kinds: 'both',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const trial = await bench.prepared(first, [[key, 'once']]);
      const place = bench.place();
      await bench.mustCommit(second, trial, 'by an instance that has not prepared it', place);
      await bench.see(key, ['once'], 'after the commit by another instance', once);
      await bench.mustCommit(second, trial, 'for the second time', place);
      await bench.mustCommit(first, trial, 'by the instance that prepared it, afterwards', place);
      await bench.see(key, ['once'], 'after the commit was repeated', once);
      const third = await bench.instance();
      await bench.mustCommit(third, trial, 'by a new instance', place);
      await bench.see(key, ['once'], 'after a new instance repeated the commit', once);
    },
  },
  {
    name: 'commit is idempotent: many at the same time',
    kinds: 'both',
    async run(bench) {
      const instances = [await bench.instance(), await bench.instance(), await bench.instance()];
      const [prepared] = instances;
      const key = bench.key();
      if (!prepared) return;
      const trial = await bench.prepared(prepared, [[key, 'once']]);
      const place = bench.place();
      const all = [...instances, ...instances].map((instance) =>
        bench.mustCommit(instance, trial, 'beside others of the same branch', place),
      );
      await settled(all);
      await bench.see(key, ['once'], 'after six commits at the same time', once);
    },
  },
  {
    name: 'abort is idempotent: again, by another instance, and many at the same time',
    kinds: 'both',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const trial = await bench.prepared(first, [[key, 'never']]);
      await bench.mustAbort(second, trial, 'by an instance that has not prepared it');
      await bench.mustAbort(second, trial, 'for the second time');
      await bench.mustAbort(first, trial, 'by the instance that prepared it, afterwards');
      const beside = await bench.prepared(first, [[key, 'never']]);
      const all = [first, second, first, second].map((instance) =>
        bench.mustAbort(instance, beside, 'beside others of the same branch'),
      );
      await settled(all);
      await bench.see(key, [], 'after aborts', 'let abort() undo the work of the branch');
    },
  },
  {
    name: 'an order that comes after the opposite one does not undo it, and is told the truth',
    kinds: 'native',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const [kept, gone] = [bench.key(), bench.key()];
      const committed = await bench.prepared(first, [[kept, 'kept']]);
      await bench.mustCommit(first, committed, 'of a prepared branch');
      const aborted = await bench.prepared(first, [[gone, 'gone']]);
      await bench.mustAbort(first, aborted, 'of a prepared branch');
      for (const instance of [first, second]) {
        const late = await bench.abort(instance, committed.id, committed.voted.receipt);
        demand(
          late.result !== 'rolled-back',
          'abort() of a committed branch was answered rolled-back, which is not true',
          'when abort() finds no prepared branch, ask its receipt: answer "committed" when it was, ' +
            '"unknown" when that is not known any more',
        );
        const tooLate = await bench.commit(instance, aborted.id, aborted.voted);
        demand(
          tooLate.result !== 'committed',
          'commit() of an aborted branch was answered committed, and its work is nowhere',
          'when commit() finds no prepared branch, ask its receipt: answer "rolled-back" or ' +
            '"unknown", and "committed" only where it is known',
        );
      }
      await bench.see(
        kept,
        ['kept'],
        'after a late abort',
        'let abort() end prepared branches only',
      );
      await bench.see(gone, [], 'after a late commit', 'let commit() end prepared branches only');
    },
  },
  {
    name: 'a prepared branch outlives the instance that prepared it',
    kinds: 'both',
    holdsMany: true,
    async run(bench) {
      const first = await bench.instance();
      const [kept, gone] = [bench.key(), bench.key()];
      const kind = await bench.prepared(first, [[kept, 'kept']]);
      const unkind = await bench.prepared(first, [[gone, 'gone']]);
      await first.resource.close();
      const second = await bench.instance();
      await bench.mustCommit(second, kind, 'after the instance that prepared it was closed');
      await bench.mustAbort(second, unkind, 'after the instance that prepared it was closed');
      const mend = 'let close() leave prepared branches where they are: another process ends them';
      await bench.see(kept, ['kept'], 'after its preparer was closed', mend);
      await bench.see(gone, [], 'after its preparer was closed', mend);
    },
  },
  {
    name: 'one phase, where there is one: the receipt tells before, between and after',
    kinds: 'native',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      if (!first.resource.canOnePhase) return;
      const [kept, gone] = [bench.key(), bench.key()];
      const trial = await bench.written(first, [[kept, 'kept']]);
      const ready = await trial.ready();
      if (ready.vote !== 'ready') {
        throw new ConformanceError(
          'ready() of a branch that wrote was answered read-only',
          'answer { vote: "ready", receipt } for a branch that wrote',
        );
      }
      await bench.see(kept, [], 'before the permission', 'let ready() commit nothing');
      const early = await second.resource.settle(trial.id, ready.receipt);
      demand(
        early.result === 'in-progress' || early.result === 'unknown',
        `settle() of a branch that may still commit in one phase said ${early.result}`,
        'answer { result: "in-progress" } while the work is open: what was said is acted upon',
      );
      const finished = await trial.branch.commitOnePhase();
      demand(
        finished.result === 'committed',
        `commitOnePhase() was answered ${inWords(finished)}`,
        'let it commit the work, or throw where the result is not known',
      );
      await bench.see(kept, ['kept'], 'after one phase', 'let commitOnePhase() commit the work');
      const late = await second.resource.settle(trial.id, ready.receipt);
      demand(
        late.result === 'committed',
        `settle() of what was committed in one phase said ${inWords(late)}`,
        'make a receipt by which any instance can tell later what became of the work; where there ' +
          'is none, set canOnePhase to false',
      );
      const other = await bench.written(first, [[gone, 'gone']]);
      const { receipt } = { receipt: '', ...(await other.ready()) };
      await other.rollback();
      const undone = await second.resource.settle(other.id, receipt);
      demand(
        undone.result !== 'committed',
        'settle() of what was rolled back before the permission said committed',
        'answer "rolled-back", or "unknown" where the receipt cannot tell',
      );
      await bench.see(gone, [], 'after a rollback', 'let rollback() undo the work after ready()');
    },
  },
];

/** Waits for all, then fails with the first failure. */
async function settled(all: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(all);
  await Promise.all(all);
}
