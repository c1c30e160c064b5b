import { formatGid } from '@unanimous/proto';
import { sleep, systemAmbient } from '../ambient.ts';
import type { Bench } from './bench.ts';
import { inChild } from './child-process.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { ConformanceError, demand } from './conformance-error.ts';
import { mustFind, scanned } from './scan-cases.ts';

const max = Number.MAX_SAFE_INTEGER;

const oneWriter = { kinds: 'native', needs: ['oneAtATime'] } as const;

/** How far a process comes before it is killed; "unheard" is a vote that nobody heard. */
const steps = ['written', 'unheard', 'prepared', 'committed'] as const;

/** Stand in for the cases that have several branches at once, where the target has one writer. */
export const oneWriterCases: readonly CaseDefinition[] = [
  {
    ...oneWriter,
    name: 'one writer: who comes second waits for the first, and then gets its turn',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const [key, later] = [bench.key(), bench.key()];
      const trial = await bench.prepared(first, [[key, 'first']]);
      let hasWritten = false;
      const waiting = bench.written(second, [[later, 'second']]).then((next) => {
        hasWritten = true;
        return next;
      });
      await Promise.race([waiting, sleep(systemAmbient, 100)]);
      await bench.see(later, [], 'while another branch is in doubt', 'let the second one wait');
      demand(
        !hasWritten,
        'a branch wrote while another one was in doubt, though the subject is oneAtATime',
        'keep the turn of the writer until commit() or abort(), or leave oneAtATime out',
      );
      await bench.mustCommit(second, trial, 'while another branch waits for its turn');
      const next = await waiting;
      await next.yes();
      await bench.mustCommit(first, next, 'of the branch that had waited');
      await bench.see(later, ['second'], 'after both committed', 'write what had waited');
    },
  },
  {
    ...oneWriter,
    name: 'one writer: a scan finds the prepared branch under its own name, by any instance',
    async run(bench) {
      const { rm } = bench;
      const names = [rm, `${rm}.b`, `${rm}b`, `b.${rm}`];
      const instances = [];
      for (const name of names) instances.push(await bench.instance(name));
      for (const [n, instance] of instances.entries()) {
        const key = bench.key();
        const trial = await bench.prepared(instance, [[key, 'x']]);
        for (const other of instances) {
          await mustFind(bench, other, other === instance ? [trial] : [], 'under similar names');
        }
        await mustFind(bench, await bench.instance(names[n]), [trial], 'by a new instance');
        if (n % 2) await bench.mustAbort(instance, trial, 'of what a scan found');
        else await bench.mustCommit(instance, trial, 'of what a scan found');
        await mustFind(bench, instance, [], 'after it was ended');
      }
    },
  },
  {
    ...oneWriter,
    name: 'one writer: a prepared branch outlives the instance that prepared it',
    async run(bench) {
      for (const commits of [true, false]) {
        const first = await bench.instance();
        const key = bench.key();
        const trial = await bench.prepared(first, [[key, 'kept']]);
        await first.resource.close();
        const second = await bench.instance();
        await bench.see(key, [], 'after its preparer was closed', 'let close() commit nothing');
        const when = 'after the instance that prepared it was closed';
        if (commits) await bench.mustCommit(second, trial, when);
        else await bench.mustAbort(second, trial, when);
        const mend =
          'let close() leave prepared branches where they are: another instance ends them';
        await bench.see(key, commits ? ['kept'] : [], when, mend);
      }
    },
  },
  {
    ...oneWriter,
    name: 'one writer: ids of which one begins like the other are told apart',
    async run(bench) {
      const instance = await bench.instance(`A${'._-z9'.repeat(13)}`.slice(0, 64));
      const gid = (epoch: number, counter: number) => formatGid(bench.logId, { epoch, counter });
      const ids = [
        { gid: gid(max, max), branch: 999_999 },
        { gid: gid(max, max), branch: 99_999 },
        { gid: gid(max, 1), branch: 1 },
        { gid: gid(max, 1), branch: 11 },
        { gid: gid(max, 11), branch: 1 },
      ];
      const mend = 'use the whole formatBranchId(id) as the name, never its beginning';
      for (const [n, chosen] of ids.entries()) {
        const key = bench.key();
        const trial = await bench.prepared(instance, [[key, 'x']], chosen);
        await mustFind(bench, instance, [trial], 'with an id at its limits');
        const when = 'with an id at its limits';
        if (n % 2) await bench.mustAbort(instance, trial, when, mend);
        else await bench.mustCommit(instance, trial, when, bench.place(), mend);
        await bench.see(key, n % 2 ? [] : ['x'], 'after ids that resemble each other', mend);
      }
    },
  },
  ...steps.map(
    (step): CaseDefinition => ({
      ...oneWriter,
      name: `one writer: killed when its branch was ${step}, and ended by another process`,
      needs: ['oneAtATime', 'child'],
      run: (bench) => killedAt(bench, step),
    }),
  ),
];

async function killedAt(bench: Bench, step: (typeof steps)[number]): Promise<void> {
  const key = bench.key();
  await using child = await inChild(bench, { job: 'one', keys: [step, key] });
  await child.said(step);
  await child.kill();
  const [branch] = child.branches();
  if (!branch) throw new ConformanceError('a child named no branch', 'mend the kit');
  const instance = await bench.instance();
  const found = await scanned(bench, instance);
  const mend = `let the ${step === 'written' ? 'end of a process end' : 'vote make durable'} it`;
  const isHeld = found.size === 1;
  const when = `after a kill -9 of a process whose branch was ${step}`;
  const shouldBeHeld = step === 'unheard' || step === 'prepared';
  demand(isHeld === shouldBeHeld, `scan() ${when} lists ${found.size} branches`, mend);
  if (step === 'unheard') {
    const { result } = await bench.abort(instance, branch.id, '');
    demand(result === 'rolled-back', `abort() ${when} was answered ${result}`, mend);
  } else if (step !== 'written') {
    await bench.mustCommit(instance, branch, when, branch.place);
  }
  const isThere = step === 'prepared' || step === 'committed';
  for (const [suffix, text] of [
    ['', 'first'],
    ['-b', 'second'],
    ['-c', 'third'],
  ] as const) {
    const whole = 'let all of a branch be there, or nothing, whoever dies';
    await bench.see(`${key}${suffix}`, isThere ? [text] : [], when, whole);
  }
  await mustFind(bench, instance, [], 'after all was ended');
  const next = await bench.prepared(instance, [[bench.key(), 'next']]);
  await bench.mustCommit(instance, next, `of new work ${when}`);
}
