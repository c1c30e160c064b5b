import { formatGid } from '@unanimous/proto';
import type { Bench } from './bench.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { ConformanceError, demand, wordsOf } from './conformance-error.ts';
import { mustFind } from './scan-cases.ts';
import type { Trial } from './trial.ts';

const max = Number.MAX_SAFE_INTEGER;

/** Names at their limits, with every character that is allowed. */
const longName = `A${'._-z9'.repeat(13)}`.slice(0, 64);

const texts: readonly string[] = [
  'o\'clock " ` \\ %s $1 ? ; -- /* */ #{x} ${y} <b>&amp;',
  "'); DROP TABLE conformance; --",
  'line\r\nbreak\ttab \u007f\u0001',
  'ümläut ß 日本語 🍜👩‍👩‍👧 \u202e\u0000nul',
  '{"json":[1,"two",null]}',
  ' leading and trailing ',
  '__proto__',
  'x'.repeat(100_000),
  '🍜'.repeat(50_000),
  'y'.repeat(300_000),
  '',
];

const wholeId =
  'use the whole formatBranchId(id) as the name; where the server takes less, a digest of it, ' +
  'never its beginning';

/** Ids and payloads that somebody chose to break it. */
export const hostileCases: readonly CaseDefinition[] = [
  {
    name: 'ids at their limits, and ids of which one begins like the other, stay apart',
    kinds: 'both',
    holdsMany: true,
    async run(bench) {
      const gid = (epoch: number, counter: number) => formatGid(bench.logId, { epoch, counter });
      const isNamed = bench.subject.kind === 'native'; // else the server never sees the name
      for (const [epoch, rm] of [
        [max, isNamed ? longName : bench.rm],
        [2, bench.rm],
      ] as const) {
        const ids = [
          { gid: gid(epoch, max), branch: 999_999 },
          { gid: gid(epoch, max), branch: 99_999 },
          { gid: gid(epoch, max), branch: 9 },
          { gid: gid(epoch, 1), branch: 1 },
          { gid: gid(epoch, 1), branch: 11 },
          { gid: gid(epoch, 11), branch: 1 },
        ];
        const instance = await bench.instance(rm);
        const other = await bench.instance(rm);
        const trials: Trial[] = [];
        const keys = ids.map(() => bench.key());
        for (const [n, chosen] of ids.entries()) {
          trials.push(await bench.prepared(instance, [[keys[n] as string, `text ${n}`]], chosen));
        }
        const isNative = instance.resource.kind === 'native';
        if (isNative) await mustFind(bench, other, trials, 'with ids at their limits');
        for (const [n, trial] of trials.entries()) {
          const when = 'with an id at its limits';
          if (n % 2) await bench.mustAbort(other, trial, when, wholeId);
          else await bench.mustCommit(other, trial, when, bench.place(), wholeId);
        }
        for (const [n, key] of keys.entries()) {
          const expected = n % 2 ? [] : [`text ${n}`];
          await bench.see(key, expected, 'after ids that resemble each other', wholeId);
        }
        if (isNative) await mustFind(bench, other, [], 'after all of them were ended');
      }
    },
  },
  {
    name: 'payloads with quotes, control characters, any script, and of any length: whole or refused',
    kinds: 'both',
    async run(bench) {
      const instance = await bench.instance();
      const other = await bench.instance();
      for (const text of texts) {
        const key = bench.key();
        const trial = bench.trial(instance);
        const isWritten = await isAccepted(bench, trial, key, text);
        const vote = trial.hasBranch ? await trial.vote() : { vote: 'no' as const };
        const shown = JSON.stringify(text.slice(0, 60));
        const what =
          text.length > 1_000 ? `${text.length} characters of ${shown.slice(0, 5)}` : shown;
        demand(
          isWritten || vote.vote !== 'yes',
          `a write was refused (${what}), and its branch voted yes: a caller who swallows the ` +
            'error commits without it',
          'remember in the branch that a write was refused, and throw from prepare()',
        );
        if (vote.vote !== 'yes') continue;
        const { maxPayloadBytes = 262_144 } = bench.subject;
        demand(
          vote.redo.byteLength <= maxPayloadBytes,
          `a branch voted with ${vote.redo.byteLength} bytes of redo payload; the coordinator ` +
            `takes ${maxPayloadBytes}`,
          'refuse what is larger with a UnanimousError payload-too-large when it is written',
        );
        await bench.mustCommit(other, trial, `of a branch that wrote ${what}`);
        const mend =
          'hand texts to the target as parameters, not as part of a statement; check ' +
          'before the vote what the target would not keep as it is';
        await bench.see(key, [text], `after ${what} was committed`, mend);
      }
    },
  },
];

async function isAccepted(bench: Bench, trial: Trial, key: string, text: string): Promise<boolean> {
  try {
    await trial.run((resource) => bench.subject.write(resource, key, text));
    return true;
  } catch (error) {
    if (error instanceof ConformanceError) throw error;
    demand(
      wordsOf(error) !== '',
      'a write was refused without a word',
      'say in the error what was refused, and what to write instead',
    );
    return false;
  }
}
