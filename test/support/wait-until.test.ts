import { expect, test } from 'vitest';
import { waitUntil } from './wait-until.ts';

test('waitUntil returns the first truthy value', async () => {
  let calls = 0;
  const value = await waitUntil(() => (calls++ < 2 ? undefined : 'ready'), {
    what: 'the third call',
  });
  expect(value).toBe('ready');
});

test('waitUntil treats a throwing condition as not yet', async () => {
  let calls = 0;
  const condition = () => {
    if (calls++ < 2) throw new Error('too early');
    return true;
  };
  await expect(waitUntil(condition, { what: 'no more errors' })).resolves.toBe(true);
});

test('waitUntil names what it waited for, and keeps the last error', async () => {
  const waiting = waitUntil(() => Promise.reject(new Error('refused')), {
    what: 'a door to open',
    timeoutMs: 30,
  });
  await expect(waiting).rejects.toMatchObject({
    message: 'waited 30 ms in vain for: a door to open',
    cause: new Error('refused'),
  });
});
