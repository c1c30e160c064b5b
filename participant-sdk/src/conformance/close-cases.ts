import { systemAmbient } from '../ambient.ts';
import { bounded } from './bounded.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';
import { inChild } from './child-process.ts';

/** Letting go. */
export const closeCases: readonly CaseDefinition[] = [
  {
    name: 'close may be called again, and after it nothing is promised falsely',
    kinds: 'both',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const trial = await bench.prepared(first, [[key, 'kept']]);
      await bounded('close()', first.resource.close());
      await bounded('close() for the second time', first.resource.close());
      const { voted, id } = trial;
      const place = bench.place();
      const decided = { lowWaterSeq: 0, ...voted, ...place };
      const answer = await bounded(
        'commit() after close()',
        first.resource.commit(id, decided).catch(() => undefined),
      );
      if (answer === undefined) await bench.see(key, [], 'after a closed instance refused', 'x');
      demand(
        answer === undefined || answer.result === 'committed',
        `commit() of a closed instance was answered ${answer?.result}`,
        'let a closed instance throw: another one is asked then. "unknown" would be reported to ' +
          'operators as a hazard',
      );
      const mend = 'let a closed instance throw from commit()';
      if (answer) await bench.see(key, ['kept'], 'after a closed instance said committed', mend);
      await bench.mustCommit(second, trial, 'after another instance was closed', place);
      await bench.see(key, ['kept'], 'after the commit', mend);
    },
  },
  {
    name: 'close leaves nothing open: the process ends by itself',
    kinds: 'both',
    needs: ['child'],
    async run(bench) {
      await using child = await inChild(bench, { job: 'close', keys: [bench.key(), bench.key()] });
      await child.said('closed');
      await mustExit(child.exited, 'after close()');
    },
  },
  {
    name: 'a target that hangs is let go of: close ends the try, and nothing is lost',
    kinds: 'logged',
    needs: ['hang'],
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const key = bench.key();
      const trial = await bench.prepared(first, [[key, 'in the end']]);
      const place = bench.place();
      const wake = await bench.subject.hang?.();
      try {
        const decided = { lowWaterSeq: 0, ...trial.voted, ...place };
        const applying = first.resource.commit(trial.id, decided).then(
          ({ result }) => result,
          () => 'thrown',
        );
        await new Promise((resolve) => void systemAmbient.after(100, () => resolve(undefined)));
        await bounded('close() while the target hangs', first.resource.close());
        const result = await bounded('commit() after close(), while the target hangs', applying);
        demand(
          result === 'thrown',
          `commit() that close() has called off was answered ${result}`,
          'let apply pass its signal to all that it awaits, and throw when that fires: the effect ' +
            'is applied by another instance then',
        );
      } finally {
        await wake?.();
      }
      await bench.mustCommit(second, trial, 'after the target hung', place);
      const mend = 'know the effect by its id: the try that was called off may have landed';
      await bench.see(key, ['in the end'], 'after the target hung', mend);
    },
  },
  {
    name: 'a target that hangs keeps no process alive: apply obeys its signal',
    kinds: 'logged',
    needs: ['hang', 'child'],
    async run(bench) {
      const keys = [bench.key(), bench.key()];
      await using child = await inChild(bench, { job: 'hang', keys });
      await child.said('prepared');
      const wake = await bench.subject.hang?.();
      try {
        child.tell('go on');
        await child.said('closed');
        await mustExit(child.exited, 'after close(), while the target hangs');
      } finally {
        await wake?.();
      }
    },
  },
];

async function mustExit(exited: Promise<unknown>, when: string): Promise<void> {
  const limitMs = 8_000;
  const hasEnded = await Promise.race([
    exited.then(() => true),
    new Promise<boolean>((resolve) => void systemAmbient.after(limitMs, () => resolve(false))),
  ]);
  demand(
    hasEnded,
    `a process is still alive ${limitMs} ms ${when}: something is left open`,
    'close sockets, pools, timers and watchers in close(); pass the signal of apply to every ' +
      'request, so that it ends one that is not answered',
  );
}
