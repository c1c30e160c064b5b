import { formatBranchId } from '@unanimous/proto';
import type { Bench, Place } from './bench.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';
import type { Instance } from './instance.ts';

const max = Number.MAX_SAFE_INTEGER;

/** Older and newer places; each pair is compared wrongly by some plausible mistake. */
const pairs: readonly (readonly [older: Place, newer: Place])[] = [
  [
    { epoch: 3, seq: 41 },
    { epoch: 3, seq: 42 },
  ],
  [
    { epoch: 3, seq: 9 },
    { epoch: 3, seq: 10 },
  ],
  [
    { epoch: 9, seq: 500 },
    { epoch: 10, seq: 1 },
  ],
  [
    { epoch: 3, seq: max },
    { epoch: 4, seq: 1 },
  ],
];

const compare =
  'let the target compare (epoch, seq, index) as numbers, in this order, with what it stores ' +
  'beside the value, and keep the higher one, in one atomic step of its own';

const known =
  'know each effect by its id when it comes again, and keep what was done and that it was done in ' +
  'one atomic step: apply is called at least once';

/** Applying after the decision: again, partly, and in any order. */
export const applyCases: readonly CaseDefinition[] = [
  {
    name: 'all effects of a branch are applied, in their order, and again without a trace',
    kinds: 'logged',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const keys = [bench.key(), bench.key(), bench.key()];
      const both = bench.key();
      const trial = await bench.prepared(first, [
        [both, 'a'],
        ...keys.map((key) => [key, `of ${key}`] as const),
        [both, 'b'],
      ]);
      const place = bench.place();
      for (const instance of [first, second, first]) {
        await bench.mustCommit(instance, trial, 'of several effects', place);
        for (const key of keys) {
          await bench.see(key, [`of ${key}`], 'after several effects were applied', known);
        }
        const texts = await bench.read(both);
        const mend =
          'apply the effects of one branch one after another, in their order; where the ' +
          'target overwrites, compare the index, too';
        const expected = texts.length > 1 ? ['a', 'b'] : ['b'];
        await bench.see(both, expected, 'after one branch wrote a key twice', mend);
      }
    },
  },
  {
    name: 'an effect is still known when all below its place is acknowledged',
    kinds: 'logged',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const [key, later] = [bench.key(), bench.key()];
      const trial = await bench.prepared(first, [[key, 'once']]);
      const place = bench.place();
      await bench.mustCommit(first, trial, 'of a prepared branch', place);
      const next = await bench.prepared(first, [[later, 'later']]);
      // Below its place all is acknowledged; its own acknowledgement was lost.
      const lowWaterSeq = place.seq;
      await bench.mustCommit(second, next, 'of a later branch', { ...bench.place(), lowWaterSeq });
      await bench.mustCommit(second, trial, 'again, at the low-water place', {
        ...place,
        lowWaterSeq,
      });
      const mend =
        'forget only marks of effects whose seq is below lowWaterSeq, never those at or above it';
      await bench.see(key, ['once'], 'after an effect came again at the low-water place', mend);
    },
  },
  {
    name: 'applied out of order, the newer write stays',
    kinds: 'logged',
    needs: ['ordered'],
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      for (const [older, newer] of pairs) {
        const key = bench.key();
        await outOfOrder(bench, [first, second], key, [older, newer]);
      }
    },
  },
  {
    name: 'applied out of order, what a newer delete removed stays away',
    kinds: 'logged',
    needs: ['remove'],
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const old = await bench.prepared(first, [[key, 'older']]);
      const remove = bench.trial(first);
      await remove.run(async (resource) => bench.subject.remove?.(resource, key));
      await remove.yes();
      await bench.mustCommit(first, remove, 'of a delete', { epoch: 3, seq: 8 });
      await bench.mustCommit(second, old, 'of an older write', { epoch: 3, seq: 7 });
      const mend =
        'let a delete leave its position behind, and compare with that: a deleted key ' +
        'that forgets it takes the older value';
      await bench.see(key, [], 'after a delete, and an older write that came late,', mend);
    },
  },
  {
    name: 'work from other languages becomes a branch like any other',
    kinds: 'both',
    needs: ['work'],
    async run(bench) {
      const { resource } = await bench.instance();
      const instance = await bench.instance();
      demand(
        resource.acceptWork !== undefined,
        'the subject has work(), and the resource no acceptWork',
        'implement acceptWork (defineResource: takesWork: true), or leave work() out',
      );
      const key = bench.key();
      const trial = bench.trial(instance);
      const work = bench.subject.work?.(key, 'from afar') ?? new Uint8Array();
      trial.accept(await instance.resource.acceptWork!(trial.id, work));
      await trial.yes();
      await bench.mustCommit(instance, trial, `of accepted work ${formatBranchId(trial.id)}`);
      await bench.see(key, ['from afar'], 'after accepted work was committed', 'write the work');
      const broken = bench.trial(instance);
      const vote = await instance.resource.acceptWork!(broken.id, Buffer.from('{"broken'))
        .then((branch) => broken.accept(branch))
        .then(() => broken.vote())
        .catch(() => ({ vote: 'no' as const }));
      demand(
        vote.vote !== 'yes',
        'work that cannot be read voted yes',
        'throw a UnanimousError invalid-argument from acceptWork for what is not your format',
      );
    },
  },
];

async function outOfOrder(
  bench: Bench,
  [first, second]: readonly [Instance, Instance],
  key: string,
  [older, newer]: readonly [Place, Place],
): Promise<void> {
  const old = await bench.prepared(first, [[key, 'older']]);
  const fresh = await bench.prepared(first, [[key, 'newer']]);
  await bench.mustCommit(first, fresh, 'of the newer write', newer);
  for (const instance of [second, first]) {
    await bench.mustCommit(instance, old, 'of the older write, after the newer', older);
    const last = (await bench.read(key)).at(-1);
    const [a, b] = [older, newer].map(({ epoch, seq }) => `(${epoch}, ${seq})`);
    demand(
      last === 'newer',
      `a write at ${a} that came after one at ${b} took its place: readers see ${last}`,
      compare,
    );
  }
}
