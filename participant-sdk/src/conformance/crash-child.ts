// A process that works on a subject until it is killed. Started by child-process.ts only.
import { once } from 'node:events';
import { Bench, type Place } from './bench.ts';
import type { ChildOrder, ChildReport, ReportedBranch } from './child-process.ts';
import type { Instance } from './instance.ts';
import type { ConformanceSubject } from './subject.ts';
import type { Trial } from './trial.ts';

interface SubjectModule {
  conformanceSubject?(input: unknown): ConformanceSubject | Promise<ConformanceSubject>;
}

const [order] = (await once(process, 'message')) as [ChildOrder];
const loaded = (await import(order.module)) as SubjectModule;
if (!loaded.conformanceSubject) throw new Error(`${order.module} exports no conformanceSubject`);
const subject = await loaded.conformanceSubject(order.input);
const bench = new Bench(subject, order.logId, 1_000);
const instance = await bench.instance();

const jobs: Record<ChildOrder['job'], () => Promise<void>> = {
  /** One branch at each step; then it commits those that are left, and is killed meanwhile. */
  async steps() {
    const [open = '', unheard = '', onePhase = '', ...others] = order.keys;
    const branches = [reported(open, await written(open), 'written')];
    branches.push(reported(unheard, await prepared(unheard), 'unheard'));
    if (instance.resource.canOnePhase) {
      const trial = await written(onePhase);
      const ready = await trial.ready();
      if (ready.vote === 'ready') trial.voted = { ...trial.voted, receipt: ready.receipt };
      await trial.branch.commitOnePhase();
      branches.push(reported(onePhase, trial, 'one phase'));
    }
    const trials = await Promise.all(others.map(prepared));
    const places = trials.map(() => bench.place());
    const names = trials.map((trial, n) => reported(others[n] ?? '', trial, 'prepared', places[n]));
    await say({ said: 'prepared', branches: [...branches, ...names] });
    for (const [n, trial] of trials.entries()) {
      await bench.mustCommit(instance, trial, 'of a prepared branch', places[n]);
      const done = reported(others[n] ?? '', trial, 'committed', places[n]);
      void say({ said: `committed ${n}`, branches: [done] });
    }
  },

  /** Votes one after another, and says each. */
  async preparing() {
    const trials = await Promise.all(order.keys.map(written));
    const names = trials.map((trial, n) => reported(order.keys[n] as string, trial, 'written'));
    await say({ said: 'written', branches: names });
    for (const [n, trial] of trials.entries()) {
      await trial.yes();
      const branches = [reported(order.keys[n] as string, trial, 'prepared')];
      void say({ said: `prepared ${n}`, branches });
    }
  },

  /** One branch, as far as it is told. */
  async one() {
    const [step, key] = order.keys as ['written' | 'unheard' | 'prepared' | 'committed', string];
    const trial = await written(key);
    const place = bench.place();
    if (step !== 'written') await trial.yes();
    if (step === 'committed') await bench.mustCommit(instance, trial, 'of a branch', place);
    await say({ said: step, branches: [reported(key, trial, step, place)] });
  },

  async close() {
    const [first, second] = order.keys as [string, string];
    const other: Instance = await bench.instance();
    await bench.mustCommit(other, await prepared(first), 'of a prepared branch');
    await bench.mustAbort(instance, await prepared(second), 'of a prepared branch');
    await leave();
  },

  async hang() {
    const trial = await prepared(order.keys[0] as string);
    await say({ said: 'prepared' });
    await once(process, 'message');
    const decided = { lowWaterSeq: 0, ...trial.voted, ...bench.place() };
    void instance.resource.commit(trial.id, decided).catch(() => undefined); // asked only once
    await new Promise((resolve) => void setTimeout(resolve, 100));
    trial.isInDoubt = false;
    await leave();
  },
};

await jobs[order.job]();

async function written(key: string): Promise<Trial> {
  return bench.written(instance, [
    [key, 'first'],
    [`${key}-b`, 'second'],
    [`${key}-c`, 'third'],
  ]);
}

async function prepared(key: string): Promise<Trial> {
  const trial = await written(key);
  await trial.yes();
  return trial;
}

function reported(
  key: string,
  { id, voted }: Trial,
  step: ReportedBranch['step'],
  place?: Place,
): ReportedBranch {
  return { key, id, voted, step, place };
}

/** Closes everything; from now on nothing may keep this process alive. */
async function leave(): Promise<void> {
  await bench.close();
  await subject.close?.();
  await say({ said: 'closed' });
  process.disconnect();
}

function say(report: ChildReport): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(report, () => resolve());
  });
}
