import { sleep, systemAmbient } from '../ambient.ts';
import { type Bench, inWords, untilAnswered } from './bench.ts';
import { bounded } from './bounded.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';
import { mustFind, scanned } from './scan-cases.ts';
import type { Instance } from './instance.ts';

const later =
  'throw while the server cannot be reached: the same order comes again. What is answered ' +
  '"unknown" or "rolled-back" stands for good';

/** The server goes and comes back. */
export const serverCases: readonly CaseDefinition[] = [
  {
    name: 'a server that restarts keeps what was prepared; orders wait for it',
    kinds: 'both',
    needs: ['server'],
    holdsMany: true,
    async run(bench) {
      const { server } = bench.subject;
      const instance = await bench.instance();
      const [kept, gone, open] = [bench.key(), bench.key(), bench.key()];
      const committed = await bench.prepared(instance, [[kept, 'kept']]);
      const aborted = await bench.prepared(instance, [[gone, 'gone']]);
      const unvoted = await bench.written(instance, [[open, 'open']]);
      await server?.stop();
      const place = bench.place();
      try {
        await mustWait(bench, instance, committed, place);
      } finally {
        await server?.start();
      }
      await untilAnswered('open() after a restart', () => instance.resource.open());
      const vote = await unvoted.vote();
      if (instance.resource.kind === 'native') {
        const all = [committed, aborted, ...(vote.vote === 'yes' ? [unvoted] : [])];
        await untilAnswered('scan() after a restart', () => scanned(bench, instance));
        await mustFind(bench, instance, all, 'after the server restarted');
      }
      await bench.mustCommit(instance, committed, 'after the server restarted', place);
      await bench.mustAbort(instance, aborted, 'after the server restarted');
      const mend = 'let the server make durable what prepare() and commit() resolve for';
      await seeAgain(bench, kept);
      await bench.see(kept, ['kept'], 'after a restart of the server', mend);
      await bench.see(gone, [], 'after a restart of the server', mend);
      if (vote.vote === 'yes') await bench.mustCommit(instance, unvoted, 'of a later vote');
      const whole = 'a branch whose connection broke has lost its work: let it vote no';
      const expected = vote.vote === 'yes' ? ['open'] : [];
      await bench.see(open, expected, `after a vote of ${vote.vote} on a restarted server`, whole);
      const key = bench.key();
      const next = await afterwards(bench, instance, key);
      await bench.mustCommit(instance, next, 'of new work after a restart');
      await bench.see(key, ['after'], 'after new work on a restarted server', mend);
    },
  },
];

/** Neither success nor a final word while the server is away. */
async function mustWait(
  bench: Bench,
  { resource }: Instance,
  { id, voted }: Pick<Awaited<ReturnType<Bench['prepared']>>, 'id' | 'voted'>,
  place: ReturnType<Bench['place']>,
): Promise<void> {
  const asked = resource.commit(id, { lowWaterSeq: 0, ...voted, ...place }).then(
    (finished) => finished,
    () => undefined,
  );
  // It may as well wait for the server by itself.
  const answer = await Promise.race([asked, sleep(systemAmbient, 2_000)]);
  demand(
    !answer,
    `commit() while the server was down was answered ${answer ? inWords(answer) : ''}`,
    later,
  );
}

/** The subject's own client may need some tries, too. */
async function seeAgain(bench: Bench, key: string): Promise<void> {
  await untilAnswered('read() of the subject after a restart', () => bench.subject.read(key));
}

/** A pool may hand out a broken connection first; nobody could work with it, or commit. */
async function afterwards(bench: Bench, instance: Instance, key: string) {
  return bounded(
    'new work after a restart',
    untilAnswered('new work after a restart', async () => {
      const trial = bench.trial(instance);
      await trial.run(async (resource) => bench.subject.write(resource, key, 'after'));
      const vote = await trial.vote();
      if (vote.vote !== 'yes') throw new Error(`voted ${vote.vote}`);
      return trial;
    }),
    40_000,
  );
}
