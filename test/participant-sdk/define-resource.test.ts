import { describe, expect, test, vi } from 'vitest';
import {
  type ApplyContext,
  defineResource,
  type Refusal,
  type ResourceDefinition,
} from '../../participant-sdk/src/define-resource.ts';
import { TestCoordinator } from './support/test-coordinator.ts';

interface Line {
  readonly text: string;
}
type Applied = Omit<ApplyContext, 'signal'> & { text: string };

async function logOf(overrides: Partial<ResourceDefinition<Line>> = {}) {
  const applied: Applied[] = [];
  const coordinator = new TestCoordinator();
  const log = await coordinator.serve(
    defineResource<Line>({
      rm: 'audit-log',
      apply({ text }, { id, gid, epoch, seq, index, lowWaterSeq }) {
        applied.push({ text, id, gid, epoch, seq, index, lowWaterSeq });
      },
      ...overrides,
    }),
  );
  return { applied, coordinator, log };
}

describe('a transaction over a defined resource', () => {
  test('applies nothing before the decision, and all in order after it', async () => {
    const { applied, coordinator, log } = await logOf();
    const transaction = await coordinator.begin(async () => {
      await log.write({ text: 'one' });
      await log.write({ text: 'two' });
    });
    await transaction.prepare();
    expect(applied).toEqual([]);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const place = { gid: transaction.gid, epoch: 1, seq: 1, lowWaterSeq: 0 };
    expect(applied).toEqual([
      { text: 'one', id: `${transaction.gid}/1/0`, index: 0, ...place },
      { text: 'two', id: `${transaction.gid}/1/1`, index: 1, ...place },
    ]);
  });

  test('that aborts applies nothing', async () => {
    const { applied, coordinator, log } = await logOf();
    const transaction = await coordinator.begin(() => log.write({ text: 'one' }));
    await transaction.prepare();
    expect(await transaction.abort()).toEqual([{ result: 'rolled-back' }]);
    expect(applied).toEqual([]);
  });

  test('keeps what was written, whatever the caller does to the object later', async () => {
    const { applied, coordinator, log } = await logOf();
    await coordinator.commit(async () => {
      const line = { text: 'before' };
      const written = log.write(line);
      line.text = 'after';
      await written;
    });
    expect(applied).toMatchObject([{ text: 'before' }]);
  });

  test('any other instance can apply what this one voted for', async () => {
    const here = await logOf();
    const there = await logOf();
    const transaction = await here.coordinator.begin(() => here.log.write({ text: 'one' }));
    await transaction.prepare();
    await there.log.commit(transaction.id(here.log), transaction.decided(here.log));
    expect(there.applied).toMatchObject([{ text: 'one', id: `${transaction.gid}/1/0` }]);
  });
});

describe('a write', () => {
  test('outside of a transaction is refused', async () => {
    const { log } = await logOf();
    await expect(log.write({ text: 'x' })).rejects.toMatchObject({
      code: 'no-transaction',
      rm: 'audit-log',
    });
  });

  test('to a resource that is not served is refused', async () => {
    const log = defineResource<Line>({ rm: 'audit-log', apply: () => {} });
    await expect(log.write({ text: 'x' })).rejects.toMatchObject({ code: 'unknown-rm' });
  });

  test('above the limit is refused, with the limit, and spoils the vote', async () => {
    const { coordinator, log } = await logOf({ maxPayloadBytes: 200 });
    const transaction = await coordinator.begin(async () => {
      await log.write({ text: 'small' });
      await expect(log.write({ text: 'x'.repeat(200) })).rejects.toMatchObject({
        code: 'payload-too-large',
        message: expect.stringContaining('the limit is 200'),
      });
    });
    await expect(transaction.prepare()).rejects.toMatchObject({ code: 'payload-too-large' });
  });

  test('after the vote is refused', async () => {
    const { coordinator, log } = await logOf();
    let late: Promise<void> | undefined;
    const transaction = await coordinator.begin(async () => {
      await log.write({ text: 'one' });
      late = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
        log.write({ text: 'two' }),
      );
    });
    await transaction.prepare();
    await expect(late).rejects.toMatchObject({ code: 'work-after-end' });
  });
});

describe('check', () => {
  test.each<[string, () => Refusal]>([
    ['a refusal', () => ({ refused: 'no empty lines' })],
    [
      'a throw',
      () => {
        throw new Error('no empty lines');
      },
    ],
  ])('by %s votes no', async (_, check) => {
    const { coordinator, log } = await logOf({ check });
    const transaction = await coordinator.begin(() => log.write({ text: '' }));
    await expect(transaction.prepare()).rejects.toThrow('no empty lines');
  });

  test('that is rolled back meanwhile does not vote yes', async () => {
    const { coordinator, log } = await logOf({
      check: () => new Promise((resolve) => setTimeout(resolve, 20)),
    });
    const transaction = await coordinator.begin(() => log.write({ text: 'x' }));
    const vote = transaction.prepare();
    await transaction.branch(log).rollback();
    await expect(vote).rejects.toMatchObject({ code: 'work-after-end' });
  });
});

describe('apply', () => {
  test('that throws is asked again, with the same ids, without those that are done', async () => {
    const seen: string[] = [];
    let isDown = true;
    const { coordinator, log } = await logOf({
      apply({ text }, { id }) {
        seen.push(`${text} ${id.split('/').slice(1).join('/')}`);
        if (text === 'two' && isDown) throw new Error('disk full');
      },
    });
    const transaction = await coordinator.begin(async () => {
      for (const text of ['one', 'two', 'three']) await log.write({ text });
    });
    await transaction.prepare();
    await expect(transaction.commit()).rejects.toThrow('disk full');
    isDown = false;
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    expect(seen).toEqual(['one 1/0', 'two 1/1', 'two 1/1', 'three 1/2']);
  });

  test('by a restarted instance sends all again with the same ids', async () => {
    const { coordinator, log } = await logOf({
      apply({ text }) {
        if (text === 'two') throw new Error('down');
      },
    });
    const transaction = await coordinator.begin(async () => {
      await log.write({ text: 'one' });
      await log.write({ text: 'two' });
    });
    await transaction.prepare();
    await expect(transaction.commit()).rejects.toThrow('down');
    const restarted = await logOf();
    await restarted.log.commit(transaction.id(log), transaction.decided(log));
    expect(restarted.applied.map(({ id }) => id)).toEqual([
      `${transaction.gid}/1/0`,
      `${transaction.gid}/1/1`,
    ]);
  });

  test('that refuses is a hazard, and stops nothing else', async () => {
    const texts: string[] = [];
    const { coordinator, log } = await logOf({
      apply({ text }) {
        if (text === 'bad') return { refused: 'not a line' };
        texts.push(text);
        return undefined;
      },
    });
    const transaction = await coordinator.begin(async () => {
      for (const text of ['bad', 'good']) await log.write({ text });
    });
    await transaction.prepare();
    expect(await transaction.commit()).toMatchObject([
      {
        result: 'unknown',
        reason: {
          code: 'heuristic',
          rm: 'audit-log',
          message: expect.stringContaining(`${transaction.gid}/1/0: not a line`),
        },
      },
    ]);
    expect(texts).toEqual(['good']);
  });

  test('is joined, not started twice, when commit is repeated meanwhile', async () => {
    const apply = vi.fn<() => Promise<void>>(
      () => new Promise((resolve) => setTimeout(resolve, 20)),
    );
    const { coordinator, log } = await logOf({ apply });
    const transaction = await coordinator.begin(() => log.write({ text: 'x' }));
    await transaction.prepare();
    const [first, second] = await Promise.all([transaction.commit(), transaction.commit()]);
    expect(first).toEqual(second);
    expect(apply).toHaveBeenCalledTimes(1);
  });

  test('that hangs is given up after its time, and its signal fires', async () => {
    let signal: AbortSignal | undefined;
    const { coordinator, log } = await logOf({
      applyTimeoutMs: 30,
      apply(_, context) {
        signal = context.signal;
        return new Promise(() => {});
      },
    });
    const transaction = await coordinator.begin(() => log.write({ text: 'x' }));
    await transaction.prepare();
    await expect(transaction.commit()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('within 30 ms'),
    });
    expect(signal?.aborted).toBe(true);
  });

  test('is not waited for by close', async () => {
    const { coordinator, log } = await logOf({ apply: () => new Promise(() => {}) });
    const transaction = await coordinator.begin(() => log.write({ text: 'x' }));
    await transaction.prepare();
    const commit = transaction.commit();
    await log.close();
    await expect(commit).rejects.toMatchObject({ code: 'closed' });
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'closed' });
    await log.open();
    const again = transaction.commit();
    await log.close();
    await expect(again).rejects.toMatchObject({ message: 'audit-log was closed' });
  });

  test('goes on after a close, when it is served again', async () => {
    const { applied, coordinator, log } = await logOf();
    await log.close();
    await coordinator.serve(log);
    await coordinator.commit(() => log.write({ text: 'x' }));
    expect(applied).toHaveLength(1);
  });

  test('of a damaged payload is a hazard', async () => {
    const { coordinator, log } = await logOf();
    const transaction = await coordinator.begin(() => log.write({ text: 'x' }));
    await transaction.prepare();
    const decided = { ...transaction.decided(log), redo: new Uint8Array() };
    expect(await log.commit(transaction.id(log), decided)).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('redo payload') },
    });
  });
});

describe('work handed to the coordinator', () => {
  test('is one effect as JSON', async () => {
    const { applied, coordinator, log } = await logOf({ takesWork: true });
    const transaction = await coordinator.begin(async () => {});
    const id = { gid: transaction.gid, branch: 3, rm: 'audit-log', incarnation: '1' };
    const branch = await log.acceptWork?.(id, Buffer.from('{ "text": "from Go" }'));
    const vote = await branch?.prepare();
    if (vote?.vote !== 'yes') throw new Error('no yes vote');
    await log.commit(id, { ...vote, epoch: 1, seq: 9, lowWaterSeq: 2 });
    expect(applied).toMatchObject([
      { text: 'from Go', id: `${transaction.gid}/3/0`, seq: 9, lowWaterSeq: 2 },
    ]);
  });

  test('that is not JSON is refused', async () => {
    const { coordinator, log } = await logOf({ takesWork: true });
    const { gid } = await coordinator.begin(async () => {});
    const id = { gid, branch: 1, rm: 'audit-log', incarnation: '1' };
    await expect(log.acceptWork?.(id, Buffer.from('{'))).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });

  test('is not taken unless asked for', async () => {
    const { log } = await logOf();
    expect(log).not.toHaveProperty('acceptWork');
  });
});

describe('identity', () => {
  test.each([
    [undefined, 'defined:audit-log'],
    ['file:/var/log/audit', 'file:/var/log/audit'],
    [() => Promise.resolve('host-7'), 'host-7'],
  ])('%s is %s', async (identity, expected) => {
    const definition = { rm: 'audit-log', apply: () => {} };
    const resource = defineResource(identity ? { ...definition, identity } : definition);
    expect((await resource.open()).identity).toBe(expected);
  });
});
