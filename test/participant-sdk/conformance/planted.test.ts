import {
  type BranchId,
  type Decided,
  type DefinedResource,
  defineResource,
  type Resource,
  type SeenPosition,
} from '@unanimous/participant-sdk';
import {
  type ConformanceError,
  conformanceCases,
  type ConformanceSubject,
} from '@unanimous/participant-sdk/conformance';
import { afterAll, describe, expect, test } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { brokenCells, type CellDefects, forgetfulLines } from './broken-cells.ts';
import { brokenQueue, type Defects, withBranches } from './broken-queue.ts';
import { conformanceSubject as leakySubject, type LeakyInput } from './leaky-subject.ts';

// Resources with one defect each: the kit must notice, and say what to mend.

const dir = tempDir();
afterAll(() => dir.remove());

interface Failure {
  readonly name: string;
  readonly error: ConformanceError;
}

async function failuresOf<R extends Resource>(
  subject: ConformanceSubject<R>,
  isTried: (name: string) => boolean = () => true,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const { name, run } of conformanceCases(subject).filter((each) => isTried(each.name))) {
    await run().catch((error: unknown) =>
      failures.push({ name, error: error as ConformanceError }),
    );
  }
  for (const { name, error } of failures) {
    expect(error.name, `${name}: ${error}`).toBe('ConformanceError');
  }
  return failures;
}

/** Runs the one case whose name begins so; what it says is to be mended. */
async function mendOf<R extends Resource>(
  subject: ConformanceSubject<R>,
  beginning: string,
): Promise<string> {
  const [failure] = await failuresOf(subject, (name) => name.startsWith(beginning));
  return failure?.error.mend ?? 'nothing: the case has passed';
}

describe('the kit notices', () => {
  test('a native resource that reports an unknown branch as committed', async () => {
    const failures = await failuresOf(
      brokenQueue(dir.file('unknown.db'), (queue) => ({
        async commit(id: BranchId, decided: Decided) {
          const finished = await queue.commit(id, decided);
          return finished.result === 'unknown' ? { result: 'committed' } : finished;
        },
      })),
    );
    expect(failures.map(({ name }) => name)).toEqual([
      'a branch that was never prepared is no success',
      'a branch that an operator rolled back is told apart',
    ]);
    const [never, byHand] = failures.map(({ error }) => error);
    expect(never?.broken).toMatch(/never prepared was answered committed: a lost write passes/);
    expect(never?.mend).toMatch(/answer "committed" only where a receipt shows it/);
    expect(byHand?.broken).toMatch(/rolled back by hand was answered committed/);
    expect(byHand?.mend).toMatch(/look up by its receipt what became of it/);
  });

  test('a logged resource that is not idempotent', async () => {
    const lines: { readonly key: string; readonly text: string }[] = [];
    const subject: ConformanceSubject<DefinedResource<(typeof lines)[0]>> = {
      kind: 'logged',
      make: (rm) => defineResource({ rm, apply: (line) => void lines.push(line) }),
      write: (resource, key, text) => resource.write({ key, text }),
      read: async (key) => lines.filter((line) => line.key === key).map(({ text }) => text),
    };
    const failures = await failuresOf(subject);
    expect(failures.map(({ name }) => name)).toEqual([
      'commit is idempotent: again, by another instance, and after a close',
      'commit is idempotent: many at the same time',
      'all effects of a branch are applied, in their order, and again without a trace',
      'an effect is still known when all below its place is acknowledged',
    ]);
    expect(failures[0]?.error.broken).toMatch(
      /readers see \["once","once".*\] instead of \["once"\]/,
    );
    expect(failures[0]?.error.mend).toMatch(/make phase two idempotent: .* by its id/);
  });

  test('a native resource that votes yes before it has prepared', async () => {
    const failures = await failuresOf(
      brokenQueue(dir.file('hasty.db'), (queue) =>
        withBranches(queue, (branch) => ({
          async prepare() {
            setTimeout(() => void branch.prepare().catch(() => undefined), 30);
            return { vote: 'yes', receipt: '', redo: new Uint8Array() };
          },
        })),
      ),
    );
    const early = failures.find(({ name }) => name.startsWith('votes yes;'));
    expect(early?.error.broken).toMatch(/^scan\(\) right after the vote misses 1 of 1 branches/);
    expect(early?.error.mend).toMatch(/let prepare\(\) resolve only when the branch is durable/);
  });

  test('a native resource whose scan misses branches', async () => {
    const failures = await failuresOf(
      brokenQueue(dir.file('misses.db'), (queue) => ({
        scan: async () => (await queue.scan()).slice(0, 1),
      })),
    );
    expect(failures.map(({ name }) => name)).toEqual([
      'a scan finds what is prepared, by whichever instance, and nothing else',
      'ids at their limits, and ids of which one begins like the other, stay apart',
    ]);
    expect(failures[0]?.error.message).toMatch(
      /misses 2 of 3 branches that voted yes: un1\..*locked for ever\n {2}Mend: .*let scan\(\) list all/,
    );
  });

  const positions = new Map<string, SeenPosition>();
  const done = new Set<string>();
  const committed = { result: 'committed' } as const;
  const rolledBack = { result: 'rolled-back' } as const;
  const forgetful = { result: 'unknown', reason: { code: 'unknown' } } as never;

  test.each<[string, string, RegExp, Defects]>([
    [
      'has another incarnation in each process',
      'all instances say the same',
      /derive both from the target/,
      (queue) => ({
        open: async () => ({
          ...(await queue.open()),
          incarnation: String(Math.random()).slice(2),
        }),
      }),
    ],
    [
      'keeps the last position, not the highest',
      'the highest log position',
      /replace it only by a higher \(epoch, seq\)/,
      () => ({
        remember: async (position) => void positions.set(position.logId, position),
        remembered: async (logId) => positions.get(logId),
      }),
    ],
    [
      'takes writes after the vote',
      'a write after the vote',
      /keep a flag in the branch/,
      (queue) =>
        withBranches(queue, (branch) => ({
          stage(message: unknown) {
            try {
              branch.stage?.(message);
            } catch {
              // accepted, and lost
            }
          },
        })),
    ],
    [
      'calls rolled back what was committed',
      'an order that comes after the opposite one',
      /when abort\(\) finds no prepared branch, ask its receipt/,
      (queue) => ({
        abort: async (id, receipt) => ({ ...(await queue.abort(id, receipt)), ...rolledBack }),
      }),
    ],
    [
      'has forgotten a commit when it is asked again',
      'commit is idempotent: again',
      /let commit\(\) be idempotent/,
      (queue) => ({
        async commit(id, decided) {
          if (done.has(id.gid)) return forgetful;
          done.add(id.gid);
          return queue.commit(id, decided);
        },
      }),
    ],
    [
      'guesses when it settles',
      'a branch that was never prepared',
      /answer \{ result: "unknown", reason \} where there is no receipt/,
      () => ({ settle: async () => committed }),
    ],
    [
      'takes the beginning of an id for the id',
      'ids at their limits',
      /use the whole formatBranchId\(id\) as the name/,
      (queue) => ({
        commit: (id, decided) =>
          queue.commit({ ...id, branch: Number(String(id.branch).slice(0, 5)) }, decided),
      }),
    ],
    [
      'answers when it is closed',
      'close may be called again',
      /let a closed instance throw/,
      (queue) => {
        let isClosed = false;
        return {
          commit: async (id, decided) => (isClosed ? committed : queue.commit(id, decided)),
          async close() {
            isClosed = true;
            await queue.close();
          },
        };
      },
    ],
  ])('a native resource that %s', async (what, beginning, mend, defects) => {
    const file = dir.file(`${what.replaceAll(/\W/g, '-')}.db`);
    expect(await mendOf(brokenQueue(file, defects), beginning)).toMatch(mend);
  });

  test.each<[string, string, RegExp, CellDefects]>([
    [
      'compares no epoch',
      'applied out of order, the newer write stays',
      /compare \(epoch, seq, index\) as numbers/,
      { isNewer: ([, a, i], [, b, k]) => a > b || (a === b && i > k) },
    ],
    [
      'compares places as texts',
      'applied out of order, the newer write stays',
      /compare \(epoch, seq, index\) as numbers/,
      { isNewer: (a, b) => a.join('/') > b.join('/') },
    ],
    [
      'compares no index',
      'all effects of a branch are applied',
      /compare the index, too/,
      { isNewer: ([a, b], [c, d]) => a > c || (a === c && b > d) },
    ],
    [
      'forgets what it deleted',
      'applied out of order, what a newer delete',
      /let a delete leave its position behind/,
      { forgetsDeletes: true },
    ],
    [
      'applies before the decision',
      'votes yes; readers see',
      /keep what a branch writes out of sight/,
      { appliesInCheck: true },
    ],
    [
      'checks nothing',
      'a branch that failed votes no',
      /refuse there what apply would refuse/,
      { checksNothing: true },
    ],
    [
      'keeps the beginning of a text',
      'payloads with quotes',
      /check before the vote what the target would not keep/,
      { longest: 1_000 },
    ],
  ])('a logged resource that %s', async (_, beginning, mend, defects) => {
    expect(await mendOf(brokenCells(defects), beginning)).toMatch(mend);
    expect(await mendOf(brokenCells(), beginning)).toMatch('the case has passed');
  });

  test('a logged resource that forgets ids at the low-water place', async () => {
    const mend = await mendOf(forgetfulLines(), 'an effect is still known');
    expect(mend).toMatch(/whose seq is below lowWaterSeq/);
  });

  test('errors without code and remedy', async () => {
    const whole = brokenQueue(dir.file('untyped.db'), () => ({}));
    const subject: typeof whole = {
      ...whole,
      write: (queue, key, text) =>
        queue.publish(key, text).catch((error: Error) => {
          throw new Error(error.message);
        }),
    };
    expect(await mendOf(subject, 'a write outside')).toMatch(/throw new UnanimousError\('no-trans/);
  });

  test.each<[LeakyInput['defect'], string, RegExp]>([
    ['keeps a timer', 'close leaves nothing open', /close sockets, pools, timers/],
    [
      'writes later',
      'killed with branches at every step',
      /only when the target has made it durable/,
    ],
  ])(
    'a process that %s',
    async (defect, beginning, mend) => {
      const subject = leakySubject({ file: dir.file(defect), defect });
      expect(await mendOf(subject, beginning)).toMatch(mend);
    },
    60_000,
  );
});
