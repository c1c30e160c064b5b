import type { CaseDefinition } from './conformance-case.ts';
import { ConformanceError, demand } from './conformance-error.ts';
import { demandTyped } from './bench.ts';
import { mustFind } from './scan-cases.ts';
import type { Trial } from './trial.ts';

const early =
  'keep what a branch writes out of sight until commit(): nothing is decided before that';

/** What a branch says in phase one, and what comes of it. */
export const voteCases: readonly CaseDefinition[] = [
  {
    name: 'votes yes; readers see the work after the commit, and not before',
    kinds: 'both',
    async run(bench) {
      const instance = await bench.instance();
      const [key, other] = [bench.key(), bench.key()];
      const trial = await bench.written(instance, [
        [key, 'one'],
        [other, 'two'],
      ]);
      void trial.branch;
      await bench.see(key, [], 'before the vote', early);
      await trial.yes();
      checkVoted(trial);
      if (bench.subject.kind === 'native') {
        await mustFind(bench, await bench.instance(), [trial], 'right after the vote');
      }
      await bench.see(key, [], 'after the vote', early);
      await bench.mustCommit(instance, trial, 'of a prepared branch');
      const mend = 'let commit() resolve when all that the branch wrote is durable and visible';
      await bench.see(key, ['one'], 'after the commit', mend);
      await bench.see(other, ['two'], 'after the commit', mend);
    },
  },
  {
    name: 'what a branch wrote goes with its abort, voted or not',
    kinds: 'both',
    async run(bench) {
      const instance = await bench.instance();
      const [voted, unvoted] = [bench.key(), bench.key()];
      await bench.mustAbort(
        instance,
        await bench.prepared(instance, [[voted, 'voted']]),
        'of a prepared branch',
      );
      const trial = await bench.written(instance, [[unvoted, 'unvoted']]);
      await trial.rollback();
      await trial.rollback();
      const vote = await trial.vote();
      demand(
        vote.vote !== 'yes',
        'a branch voted yes after it had been rolled back',
        'let prepare() throw once rollback() was called, whatever the connection says',
      );
      for (const key of [voted, unvoted]) {
        const mend = 'let abort() and rollback() undo all that the branch wrote';
        await bench.see(key, [], 'after the abort', mend);
      }
    },
  },
  {
    name: 'a branch that only read votes read-only, and leaves nothing prepared',
    kinds: 'native',
    needs: ['look'],
    async run(bench) {
      const instance = await bench.instance();
      const trial = bench.trial(instance);
      await trial.run(async (resource) => bench.subject.look?.(resource));
      const { vote } = await trial.vote();
      demand(
        vote === 'read-only',
        `a branch that only read voted ${vote}`,
        'let prepare() end the work and answer { vote: "read-only" } when nothing was written: ' +
          'phase two then leaves this branch out',
      );
      const found = await instance.resource.scan();
      demand(
        !found.some(({ gid }) => gid === trial.id.gid),
        'a branch that voted read-only is still found by scan()',
        'prepare nothing for a read-only branch: nobody will come to end it',
      );
    },
  },
  {
    name: 'a branch that failed votes no, also when its caller swallowed the error',
    kinds: 'both',
    needs: ['fail'],
    async run(bench) {
      const instance = await bench.instance();
      const [key, spoilt] = [bench.key(), bench.key()];
      const trial = await bench.written(instance, [[key, 'before']]);
      await trial.run(async (resource) => bench.subject.fail?.(resource, spoilt)).catch(rethrowOwn);
      const vote = await trial.vote();
      demand(
        vote.vote === 'no',
        `a branch whose work had failed voted ${vote.vote}: half of it would commit`,
        'remember that a statement failed (or call host.doom(id, reason)) and throw from ' +
          'prepare(); with check, refuse there what apply would refuse',
      );
      demand(
        vote.reason.message !== '' && vote.reason.hint !== '',
        'a no vote does not say why',
        'throw an error that says what was refused and what to do about it',
      );
      for (const each of [key, spoilt]) {
        await bench.see(each, [], 'after a no vote', 'undo all work of a branch that votes no');
      }
    },
  },
  {
    name: 'a write after the vote, the abort or the commit is refused',
    kinds: 'both',
    async run(bench) {
      const instance = await bench.instance();
      for (const end of ['vote', 'rollback', 'commit'] as const) {
        const [key, late] = [bench.key(), bench.key()];
        const trial = await bench.written(instance, [[key, 'in time']]);
        if (end === 'rollback') await trial.rollback();
        else await trial.yes();
        if (end === 'commit') await bench.mustCommit(instance, trial, 'of a prepared branch');
        trial.isLate = true; // it had asked for the branch in time
        const error = await trial
          .run(async (resource) => bench.subject.write(resource, late, 'late'))
          .then(() => undefined, rethrowOwn);
        demand(
          error !== undefined,
          `a write after the ${end} of its branch was accepted, and can't be part of it any more`,
          "keep a flag in the branch and throw new UnanimousError('work-after-end', …) for work " +
            'that comes after prepare(), ready() or rollback() was called',
        );
        demandTyped(error, `a write after the ${end} of its branch`, 'work-after-end');
        if (end === 'vote') await bench.mustCommit(instance, trial, 'of a prepared branch');
        await bench.see(
          late,
          [],
          `after a refused write (${end})`,
          'refuse late work before it reaches the target',
        );
      }
    },
  },
  {
    name: 'a write that runs while the vote is asked for is part of it, or refused, or the vote is no',
    kinds: 'both',
    async run(bench) {
      const instance = await bench.instance();
      const [key, beside] = [bench.key(), bench.key()];
      const trial = await bench.written(instance, [[key, 'before']]);
      const running = trial
        .run((resource) => bench.subject.write(resource, beside, 'beside'))
        .then(() => true, isRefused);
      const vote = await trial.vote();
      const isAccepted = await running;
      if (vote.vote === 'yes') await bench.mustCommit(instance, trial, 'of a prepared branch');
      const mend =
        'let busy() name a statement that still runs, and let work that comes after prepare() was ' +
        'called be refused';
      const expected = vote.vote === 'yes' && isAccepted ? ['beside'] : [];
      const outcome = `when a write was ${isAccepted ? 'accepted' : 'refused'} beside a vote (${vote.vote})`;
      await bench.see(key, vote.vote === 'yes' ? ['before'] : [], outcome, mend);
      await bench.see(beside, expected, outcome, mend);
    },
  },
  {
    name: 'a write outside of a transaction is refused, or takes effect at once',
    kinds: 'both',
    async run(bench) {
      const { resource } = await bench.instance();
      const key = bench.key();
      const error = await bench.subject
        .write(resource, key, 'alone')
        .then(() => undefined, rethrowOwn);
      if (error === undefined) {
        const mend =
          'where host.branch() is undefined, write at once or throw a UnanimousError no-transaction';
        await bench.see(key, ['alone'], 'after a write outside of a transaction', mend);
      } else {
        demandTyped(error, 'a write outside of a transaction', 'no-transaction');
      }
    },
  },
];

function checkVoted(trial: Trial): void {
  const { receipt, redo } = trial.voted;
  demand(
    typeof receipt === 'string' && redo instanceof Uint8Array,
    'a yes vote has no receipt or no redo payload',
    'answer { vote: "yes", receipt: "…", redo: new Uint8Array() }; a native resource has no redo',
  );
  const isNative = trial.instance.resource.kind === 'native';
  demand(
    isNative ? redo.byteLength === 0 : redo.byteLength > 0,
    isNative ? 'a native branch voted with a redo payload' : 'a logged branch voted without redo',
    'a native resource keeps the work itself and ships no redo; a logged one ships all that any ' +
      'instance needs to apply it',
  );
}

function rethrowOwn(error: unknown): unknown {
  if (error instanceof ConformanceError) throw error;
  return error;
}

function isRefused(error: unknown): boolean {
  rethrowOwn(error);
  return false;
}
