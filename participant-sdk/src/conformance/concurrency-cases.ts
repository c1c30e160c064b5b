import { inWords } from './bench.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';
import { scanned } from './scan-cases.ts';
import type { Trial } from './trial.ts';

/** Many branches and many instances. */
export const concurrencyCases: readonly CaseDefinition[] = [
  {
    name: 'many branches of many instances at once end each in its own way',
    kinds: 'both',
    async run(bench) {
      const instances = await Promise.all([bench.instance(), bench.instance(), bench.instance()]);
      const jobs = Array.from({ length: 18 }, (_, n) => ({
        n,
        key: bench.key(),
        commits: n % 3 !== 0,
        by: instances[n % 3] as (typeof instances)[0],
        ender: instances[(n + (n % 2)) % 3] as (typeof instances)[0],
      }));
      const trials: Trial[] = [];
      const work = jobs.map(async ({ n, key, commits, by, ender }) => {
        const trial = await bench.prepared(by, [[key, `text ${n}`]]);
        trials.push(trial);
        if (commits) await bench.mustCommit(ender, trial, 'beside other branches');
        else await bench.mustAbort(ender, trial, 'beside other branches');
      });
      await Promise.allSettled(work);
      await Promise.all(work);
      for (const { n, key, commits } of jobs) {
        await bench.see(
          key,
          commits ? [`text ${n}`] : [],
          `after 18 branches at once, of which one ${commits ? 'committed' : 'aborted'} here,`,
          'keep nothing of a branch in fields of the resource: the open branch has its own state',
        );
      }
      const [instance] = instances;
      if (instance?.resource.kind !== 'native') return;
      const left = await scanned(bench, instance);
      demand(
        left.size === 0,
        `scan() lists ${left.size} branches after all were ended`,
        'let commit() and abort() remove the branch from what scan() lists',
      );
    },
  },
  {
    name: 'commit and abort at the same time: one of them, and both are told the same',
    kinds: 'native',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      for (let n = 0; n < 4; n += 1) {
        const key = bench.key();
        const trial = await bench.prepared(first, [[key, 'maybe']]);
        const [commit, abort] = await Promise.all([
          bench.commit(n % 2 ? first : second, trial.id, trial.voted),
          bench.abort(n % 2 ? second : first, trial.id, trial.voted.receipt),
        ]);
        trial.isInDoubt = false;
        const answers = new Set([commit.result, abort.result]);
        answers.delete('unknown');
        const isAgreed = answers.size === 1;
        demand(
          isAgreed,
          `commit() and abort() of one branch at the same time: ${inWords(commit)}, ${inWords(abort)}`,
          'end a branch in one atomic step of the server, and let who comes second look up what ' +
            'became of it',
        );
        const isCommitted = answers.has('committed');
        const when = `when both are told ${isCommitted ? 'committed' : 'rolled-back'}`;
        await bench.see(key, isCommitted ? ['maybe'] : [], when, 'answer what really happened');
      }
    },
  },
];
