import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { formatGid, type LogId } from '@unanimous/proto';
import { expect, test } from 'vitest';
import { ResourceManagers } from '../../coordinator/src/resource-managers.ts';

const gidOf = (counter: number) => formatGid('4f1c9a7be203' as LogId, { epoch: 1, counter });

test('one commit that is stuck does not keep those behind it in memory', async () => {
  const rms = new ResourceManagers();
  rms.owe('rm', { gid: gidOf(1), branch: 1, seq: 1 }, 10);
  const over = Array.from({ length: 4_000 }, (_, n) => {
    const debt = rms.owe('rm', { gid: gidOf(n + 2), branch: 1, seq: n + 2 }, 10);
    debt.pay();
    debt.end();
    return new WeakRef(debt);
  });
  await setImmediate(); // what was made in this turn is kept until its end
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  expect(over.filter((debt) => debt.deref()).length).toBeLessThan(1_100);
  expect(rms.owedBy('rm')).toEqual([gidOf(1)]);
});
