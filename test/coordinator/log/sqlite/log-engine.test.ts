import { expect, test } from 'vitest';
import type { CrashPoint } from '../../../../coordinator/src/log/sqlite/crash-points.ts';
import { LogEngine } from '../../../../coordinator/src/log/sqlite/log-engine.ts';
import { packLines, toLine } from '../../../../coordinator/src/log/sqlite/pending-record.ts';
import type {
  FromWorker,
  ToWorker,
} from '../../../../coordinator/src/log/sqlite/worker-messages.ts';
import { tempDir } from '../../../support/temp-dir.ts';

test('after a write has failed nothing is tried again, though more waits', () => {
  using dir = tempDir();
  const said: FromWorker[] = [];
  const waiting: ToWorker[] = [];
  const reached: CrashPoint[] = [];
  const engine = new LogEngine(
    { dir: dir.path, acceptTipLoss: false, mirror: undefined, dropMirror: false, crash: undefined },
    { send: (message) => said.push(message), receive: () => waiting.shift(), end: () => {} },
    (point) => {
      reached.push(point);
      if (point === 'append.before-commit' && reached.includes('append.before-write')) {
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      }
    },
  );
  engine.take({ type: 'open', id: 1, ask: undefined });
  engine.take({ type: 'becomeActive', id: 2, ask: { name: 'a', address: '' } });
  const packed = packLines([toLine({ kind: 'rm-registered', rm: 'orders-db', identity: 'a' })]);
  said.length = 0;
  engine.take({ type: 'append', ...packed });
  engine.take({ type: 'append', ...packed });
  engine.take({ type: 'compact', id: 3, ask: undefined });
  expect(said.map(({ type }) => type)).toEqual(['failed']);
  expect(reached.filter((point) => point === 'append.before-write')).toHaveLength(1);
});
