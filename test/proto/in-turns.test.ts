import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeInTurns } from '../../proto/src/in-turns.ts';

/** A stream of numbers that come when they are pushed, and what was taken of it. */
function taken(): { stream: Readable; got: unknown[]; takeRest: () => void } {
  const got: unknown[] = [];
  const stream = new Readable({ objectMode: true, read() {} });
  const takeRest = takeInTurns(stream, (object) => got.push(object));
  stream.on('end', () => got.push('end'));
  return { stream, got, takeRest };
}

test('one is handed on in each turn, behind what the one before has scheduled', async () => {
  const order: string[] = [];
  const stream = new Readable({ objectMode: true, read() {} });
  takeInTurns(stream, (object) => {
    order.push(`took ${object}`);
    setImmediate(() => order.push(`sent ${object}`));
  });
  for (const object of [1, 2, 3]) stream.push(object);
  for (let turn = 0; turn < 8; turn++) await nextTurn();
  expect(order).toEqual(['took 1', 'sent 1', 'took 2', 'sent 2', 'took 3', 'sent 3']);
});

test('the end comes behind all that came before it', async () => {
  const { stream, got } = taken();
  for (const object of [1, 2, 3, null]) stream.push(object);
  await once(stream, 'end');
  expect(got).toEqual([1, 2, 3, 'end']);
});

test('a stream that broke has its rest handed on at once', async () => {
  const { stream, got, takeRest } = taken();
  for (const object of [1, 2, 3, 4]) stream.push(object);
  await nextTurn();
  expect(got.length).toBeLessThan(4);
  takeRest();
  expect(got).toEqual([1, 2, 3, 4]);
  stream.destroy();
  await once(stream, 'close');
  await nextTurn();
  expect(got).toEqual([1, 2, 3, 4]);
});

test('what floods a stream waits in it, and no more than it has room for', async () => {
  const { stream, got } = taken();
  let pushed = 0;
  while (stream.push((pushed += 1)));
  expect(pushed).toBeLessThanOrEqual(stream.readableHighWaterMark + 1);
  for (let turn = 0; turn < 4; turn++) await nextTurn();
  expect(got.length).toBeLessThanOrEqual(5);
  expect(stream.readableLength).toBe(pushed - got.length);
});
