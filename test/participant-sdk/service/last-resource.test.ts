import { TransactionClient } from '@unanimous/participant-sdk';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import { lastResource, type LastResourceDefinition } from '@unanimous/participant-sdk/service';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

interface Transfer {
  readonly cents: number;
}

let dir: TempDir;
let tm: TransactionClient;
let keys: string[];

beforeEach(async () => {
  dir = tempDir();
  tm = await TransactionClient.embedded({ data: dir.file('log') });
  keys = [];
});

afterEach(async () => {
  await tm.close();
  dir.remove();
});

/** A queue, and a service that is asked last. */
async function served(definition: Partial<LastResourceDefinition<Transfer>> = {}) {
  const events = await tm.serve(sqliteQueue({ rm: 'events', file: dir.file('q.db'), Database }));
  const transfers = await tm.serve(
    lastResource<Transfer>({
      rm: 'transfers',
      call: (_, { key }) => void keys.push(key),
      ...definition,
    }),
  );
  const both = async () => {
    await transfers.call({ cents: 5 });
    await events.publish('paid', { cents: 5 });
  };
  return { events, transfers, both };
}

function count(table: 'messages' | 'prepared'): number {
  const queue = new Database(dir.file('q.db'), { readonly: true });
  try {
    return queue.prepare(`select count(*) from unanimous_${table}`).pluck().get() as number;
  } finally {
    queue.close();
  }
}

describe('a call that is made last', () => {
  test('is made many times at once, and Node has nothing to warn of', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => void warnings.push(message);
    process.on('warning', onWarning);
    let waiting = 0;
    const { both } = await served({
      async call() {
        waiting += 1;
        await waitUntil(() => waiting === 12, { what: 'all calls to be made' });
      },
    });
    await Promise.all(Array.from({ length: 12 }, () => tm.transaction(both)));
    process.off('warning', onWarning);
    expect(count('messages')).toBe(12);
    expect(warnings).toEqual([]);
  });

  test('is made when all others are prepared, and they follow its answer', async () => {
    const seen: number[][] = [];
    const { both } = await served({
      call: ({ cents }, { key }) => {
        keys.push(key);
        seen.push([cents, count('prepared'), count('messages')]);
      },
    });
    const { gid, applied } = await tm.transaction(both);
    expect(applied).toBe(true);
    expect(keys).toEqual([`${gid}/1/call`]);
    expect(seen).toEqual([[5, 1, 0]]);
    expect([count('prepared'), count('messages')]).toEqual([0, 1]);
  });

  test('that is refused aborts, and says why', async () => {
    const { both } = await served({ call: () => ({ refused: 'no such account' }) });
    await expect(tm.transaction(both)).rejects.toMatchObject({
      code: 'aborted',
      reason: {
        code: 'prepare-refused',
        rm: 'transfers',
        message: expect.stringMatching(/no such account/),
      },
    });
    await expect.poll(() => count('prepared')).toBe(0);
    expect(count('messages')).toBe(0);
  });

  test('is not made when another votes no, or the function throws', async () => {
    const { transfers, events } = await served();
    const work = async () => {
      await transfers.call({ cents: 5 });
      await events.publish('paid', {});
      throw new Error('changed my mind');
    };
    await expect(tm.transaction(work)).rejects.toThrow('changed my mind');
    expect(keys).toEqual([]);
  });

  test('whose answer is lost is made again under its key, and others wait meanwhile', async () => {
    const { both } = await served({
      call: (_, { key }) => {
        keys.push(key);
        if (keys.length < 3) throw new Error('connection reset');
      },
    });
    const { gid } = await tm.transaction(both);
    expect(keys).toEqual(Array.from({ length: 3 }, () => `${gid}/1/call`));
    expect(count('messages')).toBe(1);
  });

  test('whose answer is lost is asked for by settle, where that is given', async () => {
    let asked = 0;
    const { both } = await served({
      call: (_, { key }) => {
        keys.push(key);
        throw new Error('connection reset');
      },
      settle: () => {
        asked += 1;
        if (asked < 2) throw new Error('still down');
        return { refused: 'it never came' };
      },
    });
    await expect(tm.transaction(both)).rejects.toMatchObject({
      code: 'aborted',
      reason: { message: expect.stringMatching(/it never came/) },
    });
    expect([keys.length, asked]).toEqual([1, 2]);
  });

  test('of which nobody can tell leaves the outcome unknown, and the others prepared', async () => {
    const { both } = await served({
      call: () => {
        throw new Error('connection reset');
      },
      settle: () => ({ unknown: 'the service keeps no keys' }),
    });
    const options = { timeoutMs: 300, waitAppliedMs: 1 };
    await expect(tm.transaction(both, options)).rejects.toMatchObject({ code: 'unknown' });
    expect([count('prepared'), count('messages')]).toEqual([1, 0]);
  });

  test('alone needs nobody else', async () => {
    const { transfers } = await served();
    const { gid, applied } = await tm.transaction(() => transfers.call({ cents: 5 }));
    expect([applied, keys]).toEqual([true, [`${gid}/1/call`]]);
  });
});

describe('a call is refused', () => {
  test('when it is the second one, and the vote is no', async () => {
    const { transfers, both } = await served();
    const twice = async () => {
      await both();
      await transfers.call({ cents: 6 }).catch(() => undefined);
    };
    await expect(tm.transaction(twice)).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'invalid-argument', message: expect.stringMatching(/second call/) },
    });
    expect(keys).toEqual([]);
  });

  test('when another resource is asked last already', async () => {
    const { both } = await served();
    const other = await tm.serve(lastResource<Transfer>({ rm: 'more', call: () => {} }));
    const work = async () => {
      await both();
      await other.call({ cents: 5 });
    };
    await expect(tm.transaction(work)).rejects.toMatchObject({
      code: 'invalid-argument',
      rm: 'more',
      message: expect.stringContaining('one resource last'),
    });
  });

  test.each([
    ['no-transaction', { cents: 5 }],
    ['invalid-argument', { cents: Number.NaN }],
  ])('outside of a transaction, or when JSON would change it: %s', async (code, request) => {
    const { transfers } = await served();
    await expect(transfers.call(request)).rejects.toMatchObject({ code });
  });

  test('when it is too long for a receipt', async () => {
    await served();
    const notes = await tm.serve(lastResource<string>({ rm: 'notes', call: () => {} }));
    const work = () => tm.transaction(() => notes.call('x'.repeat(4_000)));
    await expect(work()).rejects.toMatchObject({ code: 'payload-too-large' });
  });
});
