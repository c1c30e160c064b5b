import type { Gid } from '@unanimous/proto';
import { describe, expect, test } from 'vitest';
import { reservation } from '../../../participant-sdk/src/service/index.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { type Ticket, TicketOffice } from './ticket-office.ts';

const until = (what: string, isSo: () => boolean) => waitUntil(isSo, { what, intervalMs: 2 });

describe('a transaction that reserves', () => {
  test('tries at once, confirms after the decision, each under its own key', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve();
    let given: Ticket | undefined;
    const transaction = await office.coordinator.begin(async () => {
      given = await tickets.reserve({ seat: '7a' });
    });
    expect(given).toEqual({ ticket: 't-7a' });
    expect(office.acts).toEqual(['try 7a']);
    await transaction.prepare();
    expect(office.acts).toEqual(['try 7a']);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const id = `${transaction.gid}/1/0`;
    expect(office.calls).toEqual([
      { act: 'try', of: '7a', id, key: `${id}/try` },
      { act: 'confirm', of: 't-7a', id, key: `${id}/confirm` },
    ]);
  });

  test('keeps ids apart when several are tried at once and answered in another order', async () => {
    const office = new TicketOffice();
    const answers: (() => void)[] = [];
    const tickets = await office.serve({
      try: ({ seat }, context) =>
        new Promise((resolve) => {
          office.note('try', seat, context);
          answers.push(() => resolve({ ticket: `t-${seat}` }));
        }),
    });
    const transaction = await office.coordinator.begin(async () => {
      const all = Promise.all(['a', 'b'].map((seat) => tickets.reserve({ seat })));
      await until('both to be asked', () => answers.length === 2);
      answers[1]?.();
      await new Promise(setImmediate);
      answers[0]?.();
      await all;
    });
    await transaction.prepare();
    await transaction.commit();
    const ids = new Map(office.calls.map(({ act, of, id }) => [`${act} ${of}`, id]));
    expect(ids.get('confirm t-a')).toBe(ids.get('try a'));
    expect(ids.get('confirm t-b')).toBe(ids.get('try b'));
    expect(ids.get('try a')).not.toBe(ids.get('try b'));
  });

  test('that reserves nothing votes read-only', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({ try: () => ({ refused: 'sold out' }) });
    const transaction = await office.coordinator.begin(async () => {
      await expect(tickets.reserve({ seat: '7a' })).rejects.toMatchObject({
        code: 'prepare-refused',
        message: 'tickets refused to reserve: sold out',
        rm: 'tickets',
        retryable: false,
      });
    });
    expect(await transaction.branch(tickets).prepare()).toEqual({ vote: 'read-only' });
  });

  test('is confirmed by any instance, and again with the same key when that was not heard', async () => {
    const here = new TicketOffice();
    const tickets = await here.serve();
    const transaction = await here.coordinator.begin(async () => {
      await tickets.reserve({ seat: '7a' });
    });
    await transaction.prepare();
    const there = new TicketOffice();
    const others = await there.serve();
    const decided = transaction.decided(tickets);
    await others.commit(transaction.id(tickets), decided);
    const restarted = await there.serve();
    await restarted.commit(transaction.id(tickets), decided);
    const id = `${transaction.gid}/1/0`;
    const confirm = { act: 'confirm', of: 't-7a', id, key: `${id}/confirm` };
    expect(there.calls).toEqual([confirm, confirm]);
  });

  test('whose confirm is refused is a hazard, and the others are confirmed', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({
      confirm({ ticket }, context) {
        if (ticket === 't-a') return { refused: 'it has lapsed' };
        return office.note('confirm', ticket, context);
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
      await tickets.reserve({ seat: 'b' });
    });
    await transaction.prepare();
    expect(await transaction.commit()).toMatchObject([
      {
        result: 'unknown',
        reason: { code: 'heuristic', message: expect.stringMatching(/\/1\/0: it has lapsed/) },
      },
    ]);
    expect(office.acts).toContain('confirm t-b');
  });

  test('whose confirm throws is asked again, without what is done', async () => {
    const office = new TicketOffice();
    let isDown = true;
    const tickets = await office.serve({
      confirm({ ticket }, context) {
        office.note('confirm', ticket, context);
        if (ticket === 't-b' && isDown) throw new Error('503');
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
      await tickets.reserve({ seat: 'b' });
    });
    await transaction.prepare();
    await expect(transaction.commit()).rejects.toThrow('503');
    isDown = false;
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const confirms = office.acts.filter((act) => act.startsWith('confirm'));
    expect(confirms).toEqual(['confirm t-a', 'confirm t-b', 'confirm t-b']);
  });
});

describe('an abort', () => {
  test('before the vote cancels what was reserved, until it is done', async () => {
    const office = new TicketOffice();
    let isDown = true;
    const tickets = await office.serve({
      cancel({ ticket }, context) {
        office.note('cancel', ticket, context);
        if (isDown) throw new Error('503');
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: '7a' });
    });
    await transaction.branch(tickets).rollback();
    await transaction.branch(tickets).rollback();
    await until('a second try', () => office.calls.length === 3);
    isDown = false;
    await until('a third try', () => office.calls.length === 4);
    const id = `${transaction.gid}/1/0`;
    expect(office.calls.at(-1)).toEqual({ act: 'cancel', of: 't-7a', id, key: `${id}/cancel` });
    await expect(transaction.branch(tickets).prepare()).rejects.toMatchObject({
      code: 'work-after-end',
    });
    await tickets.close();
    expect(office.calls).toHaveLength(4);
  });

  test('is not tried any more when the reservation has lapsed', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({
      cancel({ ticket }, context) {
        office.note('cancel', ticket, context);
        office.aheadMs = 600_000;
        throw new Error('503');
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: '7a' });
    });
    await transaction.branch(tickets).rollback();
    await new Promise((resolve) => setTimeout(resolve, 250)); // a retry comes after 50 to 100 ms
    expect(office.acts).toEqual(['try 7a', 'cancel t-7a']);
  });

  test('after the vote is told to any instance, by the receipt', async () => {
    const here = new TicketOffice();
    const tickets = await here.serve();
    const transaction = await here.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
      await tickets.reserve({ seat: 'b' });
    });
    await transaction.prepare();
    await transaction.branch(tickets).rollback(); // a yes may be on its way: only phase two ends it
    const there = new TicketOffice();
    const others = await there.serve();
    const { receipt } = transaction.decided(tickets);
    const id = transaction.id(tickets);
    expect(await others.abort(id, receipt)).toEqual({ result: 'rolled-back' });
    const of = (index: number) => `${transaction.gid}/1/${index}`;
    expect(there.calls).toEqual([
      { act: 'cancel', of: 't-a', id: of(0), key: `${of(0)}/cancel` },
      { act: 'cancel', of: 't-b', id: of(1), key: `${of(1)}/cancel` },
    ]);
    expect(here.acts).toEqual(['try a', 'try b']);
    expect(await others.abort(id, '')).toEqual({ result: 'rolled-back' }); // it lapses
    expect(await others.abort(id, '[{"x":1}]')).toEqual({ result: 'rolled-back' });
  });

  test('of more than a receipt holds is left to lapse', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve();
    const transaction = await office.coordinator.begin(async () => {
      for (const seat of ['a', 'b']) await tickets.reserve({ seat: seat.repeat(2_000) });
    });
    await transaction.prepare();
    expect(transaction.decided(tickets).receipt).toBe('');
    expect(await transaction.abort()).toEqual([{ result: 'rolled-back' }]);
  });

  test('that is refused after the vote is reported', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({ cancel: () => ({ refused: 'it is confirmed' }) });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
    });
    await transaction.prepare();
    expect(await transaction.abort()).toMatchObject([
      {
        result: 'unknown',
        reason: { code: 'heuristic', message: expect.stringMatching(/it is confirmed/) },
      },
    ]);
  });

  test('after the vote whose cancel throws is asked again', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({
      cancel: () => {
        throw new Error('503');
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
    });
    await transaction.prepare();
    await expect(transaction.abort()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('503'),
    });
  });
});

describe('what the service lists as open', () => {
  const other = '4f1c9a7be203-1-9';

  test('is found by branch, and what others reserved there is left alone', async () => {
    const office = new TicketOffice();
    const ids = [
      `${other}/2/0`,
      `${other}/2/1`,
      'x',
      'not-a-gid/1/0',
      `${other}/0/0`,
      `${other}/2`,
    ];
    const tickets = await office.serve({
      listOpen: () => ids.map((id) => ({ id, reserved: { ticket: id } })),
    });
    const branch = { gid: other, branch: 2, rm: 'tickets', incarnation: '1' };
    expect(await tickets.scan()).toEqual([branch]);
  });

  test('is cancelled by an abort that brings no receipt, of its own branch only', async () => {
    const office = new TicketOffice();
    const ids = [`${other}/2/0`, `${other}/2/1`, `${other}/21/0`, `${other}9/2/0`];
    const tickets = await office.serve({
      listOpen: async () => ids.map((id) => ({ id, reserved: { ticket: id } })),
    });
    const branch = { gid: other as Gid, branch: 2, rm: 'tickets', incarnation: '1' };
    expect(await tickets.abort(branch, '')).toEqual({ result: 'rolled-back' });
    expect(office.acts).toEqual([`cancel ${other}/2/0`, `cancel ${other}/2/1`]);
  });

  test('that cannot be asked for fails the scan and the abort', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({
      listOpen: () => {
        throw new Error('503');
      },
    });
    const branch = { gid: other as Gid, branch: 2, rm: 'tickets', incarnation: '1' };
    await expect(tickets.scan()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await expect(tickets.abort(branch, '')).rejects.toMatchObject({ code: 'rm-unavailable' });
  });
});

describe('a try', () => {
  test('that throws spoils the vote, also when its caller swallows it, and is cancelled', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({
      try: ({ seat }, context) => {
        office.note('try', seat, context);
        throw new Error('connection reset');
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await expect(tickets.reserve({ seat: '7a' })).rejects.toMatchObject({
        code: 'rm-unavailable',
        message: expect.stringContaining('connection reset'),
        retryable: true,
      });
    });
    const branch = transaction.branch(tickets);
    await expect(branch.prepare()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await branch.rollback();
    await until('the cancel', () => office.calls.length === 2);
    const id = `${transaction.gid}/1/0`;
    const cancel = { act: 'cancelUnanswered', of: '7a', id, key: `${id}/cancel` };
    expect(office.calls[1]).toEqual(cancel);
  });

  test('that takes too long is given up; an answer that comes after all is cancelled', async () => {
    const office = new TicketOffice();
    let answer: ((ticket: Ticket) => void) | undefined;
    let signal: AbortSignal | undefined;
    const tickets = await office.serve({
      tryTimeoutMs: 20,
      try: (_, context) => {
        signal = context.signal;
        return new Promise((resolve) => (answer = resolve));
      },
    });
    const transaction = await office.coordinator.begin(async () => {
      await expect(tickets.reserve({ seat: '7a' })).rejects.toMatchObject({
        code: 'rm-unavailable',
        message: expect.stringContaining('longer than 20 ms'),
      });
    });
    expect(signal?.aborted).toBe(true);
    await transaction.branch(tickets).rollback();
    expect(office.calls).toEqual([]); // a cancel must not overtake it
    answer?.({ ticket: 'late' });
    await until('the cancel', () => office.calls.length === 1);
    expect(office.acts).toEqual(['cancel late']);
  });

  test('that runs while the branch ends is called off, and its caller told', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({
      try: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('called off')));
        }),
    });
    let reserved: Promise<unknown> | undefined;
    const transaction = await office.coordinator.begin(async () => {
      reserved = tickets.reserve({ seat: '7a' });
      reserved.catch(() => undefined);
      await new Promise(setImmediate);
    });
    const branch = transaction.branch(tickets);
    expect(branch.busy()).toBe(`try of ${transaction.gid}/1/0`);
    await branch.rollback();
    await expect(reserved).rejects.toMatchObject({ code: 'work-after-end' });
    expect(branch.busy()).toBeUndefined();
    await until('the cancel', () => office.acts.includes('cancelUnanswered 7a'));
  });

  test('that is not awaited is never part of a yes', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({ try: () => new Promise(() => {}) });
    const transaction = await office.coordinator.begin(async () => {
      tickets.reserve({ seat: '7a' }).catch(() => undefined);
      await new Promise(setImmediate);
    });
    await expect(transaction.branch(tickets).prepare()).rejects.toMatchObject({
      code: 'statement-running',
    });
    await transaction.branch(tickets).rollback();
  });

  test.each([
    ['a Date', new Date(0)],
    ['a Map', new Map()],
  ])('that gives %s is refused, and cancelled', async (_, value) => {
    const office = new TicketOffice();
    const cancelled: unknown[] = [];
    const tickets = await office.serve({
      try: () => ({ ticket: value as unknown as string }),
      cancel: ({ ticket }) => void cancelled.push(ticket),
    });
    const transaction = await office.coordinator.begin(async () => {
      await expect(tickets.reserve({ seat: 'a' })).rejects.toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining('reserved.ticket'),
      });
    });
    await expect(transaction.branch(tickets).prepare()).rejects.toThrow('reserved.ticket');
    await transaction.branch(tickets).rollback();
    await until('the cancel', () => cancelled[0] === value);
  });

  test.each(['vote', 'rollback'])('after the %s is refused before it is sent', async (end) => {
    const office = new TicketOffice();
    const tickets = await office.serve();
    let late: Promise<unknown> | undefined;
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
      late = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
        tickets.reserve({ seat: 'b' }),
      );
    });
    if (end === 'vote') await transaction.prepare();
    else await transaction.branch(tickets).rollback();
    await expect(late).rejects.toMatchObject({ code: 'work-after-end' });
    expect(office.acts).not.toContain('try b');
  });

  test('outside of a transaction is refused', async () => {
    const tickets = await new TicketOffice().serve();
    await expect(tickets.reserve({ seat: 'a' })).rejects.toMatchObject({ code: 'no-transaction' });
  });
});

describe('time', () => {
  test('that is too short for a confirm makes it vote no', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({ confirmWithinMs: 60_000 });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
    });
    office.aheadMs = 541_000; // of 600,000
    await expect(transaction.branch(tickets).prepare()).rejects.toMatchObject({
      code: 'prepare-refused',
      message: expect.stringContaining('which may be before its confirm'),
    });
  });

  test('that is enough lets it vote yes', async () => {
    const office = new TicketOffice();
    const tickets = await office.serve({ confirmWithinMs: 60_000 });
    const transaction = await office.coordinator.begin(async () => {
      await tickets.reserve({ seat: 'a' });
    });
    office.aheadMs = 530_000;
    await transaction.prepare();
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
  });

  test.each([
    [{ lapsesAfterMs: 60_000 }, 'leaves no time beside confirmWithinMs: 60000'],
    [{ lapsesAfterMs: 0 }, 'lapsesAfterMs: 0 is not a duration'],
    [{ lapsesAfterMs: Number.POSITIVE_INFINITY }, 'lapsesAfterMs: Infinity is not a duration'],
    [{ lapsesAfterMs: 90_000, tryTimeoutMs: -1 }, 'tryTimeoutMs: -1 is not a duration'],
  ])('settings %o are refused', (times, message) => {
    const acts = { try: () => 1, confirm: () => {}, cancel: () => {} };
    expect(() => reservation({ rm: 'tickets', ...times, ...acts })).toThrow(message);
  });
});

describe('close', () => {
  test('waits a moment for cancels on their way, begins no more, and can be undone', async () => {
    const office = new TicketOffice();
    let isDone = false;
    const tickets = await office.serve({
      cancel: async () => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        isDone = true;
        throw new Error('not now');
      },
    });
    const reserve = async () => {
      const transaction = await office.coordinator.begin(async () => {
        await tickets.reserve({ seat: 'a' });
      });
      await transaction.branch(tickets).rollback();
    };
    await reserve();
    await tickets.close();
    expect([isDone, office.timers]).toEqual([true, 0]);
    isDone = false;
    await new Promise((resolve) => setTimeout(resolve, 200)); // a retry comes after 50 to 100 ms
    expect(isDone).toBe(false);
    await tickets.open();
    await reserve();
    await tickets.close();
    expect(isDone).toBe(true);
  });
});
