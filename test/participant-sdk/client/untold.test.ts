import type { PeerFrame } from '@unanimous/proto';
import { type BranchId, formatBranchId, UnanimousError } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sleep, systemAmbient } from '../../../participant-sdk/src/ambient.ts';
import type { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { packBaggage } from '../../../participant-sdk/src/propagation/join.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { CoordinatorHost, type Line } from '../support/coordinator-host.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let host: CoordinatorHost;
let line: Line;
let tm: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;
/** What the client has sent, by kind. */
let sent: string[];

const kinds = ['enlists', 'begins', 'aborts', 'commits', 'wholes', 'votes'] as const;

beforeEach(async () => {
  host = await CoordinatorHost.start();
  await begin();
});

afterEach(async () => {
  await host.close();
});

/** A client that has gids: its next transactions begin without a word. */
async function begin(): Promise<void> {
  line = host.line();
  tm = host.client({ transport: line, closeTimeoutMs: 50, scanIntervalMs: 60_000 });
  orders = await tm.serve(new FakeDatabase('orders-db'));
  stock = await tm.serve(new FakeDatabase('stock-db', undefined, { canOnePhase: true }));
  await line.haveGids(tm);
  sent = [];
  line.onWrite = note;
}

function note(frame: PeerFrame): boolean {
  for (const kind of kinds) sent.push(...frame[kind].map(() => kind));
  return true;
}

/** It has sent this, and nothing else. */
async function hasSent(kind: (typeof kinds)[number]): Promise<void> {
  await waitUntil(() => sent.length > 0, { what: kind });
  expect(sent).toEqual([kind]);
}

/** A coordinator that takes one transaction at a time, and has one. */
async function beFull(): Promise<void> {
  await tm.close();
  await host.down();
  host.limits = { maxOpen: 1 };
  await host.up();
  await begin();
  await tm.begin();
  await waitUntil(() => host.status()?.active === 1, { what: 'the coordinator to be full' });
  sent = [];
}

const rows = () => [...orders.store.rows, ...stock.store.rows];

const writeBoth = async (): Promise<void> => {
  await orders.write('order 1');
  await stock.write('item -1');
};

async function nothingIsLeft(): Promise<void> {
  const isFree = () => orders.store.prepared.size + stock.store.prepared.size === 0;
  await waitUntil(isFree, { what: 'all branches to end' });
  expect(rows()).toEqual([]);
  await waitUntil(() => tm.kept.branches === 0, { what: 'no branch to be kept' });
}

describe('a transaction that stays in the process', () => {
  test('reaches the coordinator in one message', async () => {
    const { outcome, applied } = await tm.transaction(writeBoth);
    expect({ outcome, applied }).toEqual({ outcome: 'committed', applied: true });
    expect(rows()).toEqual(['order 1', 'item -1']);
    expect(sent).toEqual(['wholes']);
    expect(orders.store.calls).toEqual(['prepare 1', 'commit 1']);
  });

  test('with one branch that cannot commit by itself is told all the same', async () => {
    await tm.transaction(() => orders.write('order 1'));
    expect(orders.store.calls).toEqual(['prepare 1', 'commit 1']);
    expect(sent).toEqual(['wholes']);
  });

  test('that fails is rolled back here, and the coordinator hears why', async () => {
    const transaction = await tm.begin();
    await transaction.run(writeBoth);
    await transaction.abort('changed our mind');
    await hasSent('aborts');
    const outcome = await tm.outcome(transaction.gid);
    expect(outcome).toMatchObject({ outcome: 'aborted', reason: { message: 'changed our mind' } });
    await nothingIsLeft();
  });

  test('with a vote of no is aborted before anybody has a vote', async () => {
    stock.hooks.prepare = () => {
      throw new UnanimousError('constraint-violated', 'stock must not be negative');
    };
    await expect(tm.transaction(writeBoth)).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'constraint-violated', rm: 'stock-db' },
    });
    await hasSent('aborts');
    await nothingIsLeft();
  });

  test('that the coordinator refuses rolls back what it has prepared', async () => {
    await beFull();
    await expect(tm.transaction(writeBoth)).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterMs: 100,
    });
    expect(sent).toEqual(['wholes']);
    await nothingIsLeft();
  });

  test('whose commit is refused after it was decided is committed all the same', async () => {
    let isRefused = false;
    line.onFrame = (frame) => {
      for (const { ref, gid } of isRefused ? [] : frame.outcomes.splice(0)) {
        const why = {
          code: 'internal',
          message: `lost ${gid}`,
          hint: '',
          rm: '',
          retryable: false,
        };
        frame.refusals.push({ ref, reason: why, retryAfterMs: 0 });
        isRefused = true;
      }
      return true;
    };
    expect(await tm.transaction(writeBoth)).toMatchObject({ outcome: 'committed' });
    expect(isRefused).toBe(true);
    expect(rows()).toEqual(['order 1', 'item -1']);
  });

  test('whose session is lost while it prepares lets all go at once', async () => {
    stock.hooks.prepare = async () => {
      line.cut();
      await waitUntil(() => line.connections > 1, { what: 'another connection' });
    };
    await expect(tm.transaction(writeBoth)).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'session-lost' },
    });
    expect(sent).toEqual([]);
    await nothingIsLeft();
  });

  test('whose deadline passes while it prepares is aborted, and never told whole', async () => {
    const release = gate();
    stock.hooks.prepare = () => release.opened;
    const failing = tm.transaction(writeBoth, { timeoutMs: 100 });
    await expect(failing).rejects.toMatchObject({ code: 'aborted', reason: { code: 'timeout' } });
    release.open();
    expect(sent).not.toContain('wholes');
    await nothingIsLeft();
  });

  test('whose signal fires while it prepares is cancelled, and not left unknown', async () => {
    const controller = new AbortController();
    stock.hooks.prepare = () => controller.abort();
    const failing = tm.transaction(writeBoth, { signal: controller.signal });
    await expect(failing).rejects.toMatchObject({ code: 'cancelled' });
    await hasSent('aborts');
    await nothingIsLeft();
  });

  test('whose message is lost on its way is aborted, and its branches hear it', async () => {
    line.onWrite = (frame) => note(frame) && frame.wholes.length === 0;
    await expect(tm.transaction(writeBoth)).rejects.toMatchObject({ code: 'aborted' });
    expect(sent).toContain('wholes');
    await nothingIsLeft();
  });

  test('whose answer is lost is committed all the same, and its client hears so', async () => {
    line.onFrame = ({ commits }) => commits.length === 0;
    const committing = tm.transaction(writeBoth);
    await waitUntil(() => sent.includes('wholes'), { what: 'the commit' });
    await waitUntil(() => line.connections > 1, { what: 'another connection' });
    line.onFrame = () => true;
    expect(await committing).toMatchObject({ outcome: 'committed' });
    await waitUntil(() => rows().length === 2, { what: 'both rows' });
  });

  test('is left alone by another process that scans while it prepares', async () => {
    const release = gate();
    stock.hooks.prepare = () => release.opened;
    const committing = tm.transaction(writeBoth);
    await waitUntil(() => orders.store.prepared.size === 1, { what: 'the first to be prepared' });
    const twin = host.client({ scanIntervalMs: 5 });
    const scans = new FakeDatabase('orders-db', orders.store);
    let count = 0;
    scans.hooks.scan = () => void (count += 1);
    await twin.serve(scans);
    await waitUntil(() => count > 3, { what: 'some scans' });
    release.open();
    expect(await committing).toMatchObject({ outcome: 'committed' });
    expect(rows()).toEqual(['order 1', 'item -1']);
  });
});

describe('a transaction of which nobody else need hear', () => {
  const writeOne = () => stock.write('item -1');

  test('is committed by its only branch, and its gid says so for ever', async () => {
    const { outcome, applied, gid } = await tm.transaction(writeOne);
    expect({ outcome, applied }).toEqual({ outcome: 'committed', applied: true });
    expect(stock.store.calls).toEqual(['ready 1', 'commit-one-phase 1']);
    expect(rows()).toEqual(['item -1']);
    expect(sent).toEqual([]);
    await host.down(); // nobody is asked
    expect(await tm.outcome(gid)).toMatchObject({ gid, outcome: 'committed', applied: true });
  });

  test('or has written nothing, in any of its branches', async () => {
    expect(await tm.transaction(() => 7)).toMatchObject({ value: 7, outcome: 'committed' });
    const { outcome } = await tm.transaction(async () => {
      await orders.branch();
      await stock.branch();
    });
    expect(outcome).toBe('committed');
    expect(orders.store.calls).toEqual(['prepare 1']);
    expect(sent).toEqual([]);
  });

  test('is told at its commit once somebody has read its gid, who may ask', async () => {
    let read = '';
    const { gid } = await tm.transaction(async (transaction) => {
      read = transaction.gid;
      await writeOne();
    });
    expect(gid).toBe(read);
    expect(await tm.outcome(read)).toMatchObject({ gid, outcome: 'committed' });
    const transaction = await tm.begin();
    await transaction.run(() => stock.branch());
    expect(await transaction.commit()).toMatchObject({ gid: transaction.gid });
    const reader = await tm.begin();
    await reader.run(() => stock.branch());
    read = reader.gid;
    expect(await reader.commit()).toMatchObject({ gid: read });
    expect(sent).toEqual(['wholes', 'wholes']);
    expect(await tm.outcome(read)).toMatchObject({ outcome: 'committed' });
  });

  test('is not called back once its commit is on its way', async () => {
    const committed = gate();
    stock.hooks.commitOnePhase = () => committed.opened;
    const transaction = await tm.begin({ timeoutMs: 100 });
    await transaction.run(writeOne);
    const committing = transaction.commit();
    await waitUntil(() => stock.store.calls.length > 1, { what: 'the commit' });
    line.cut();
    await waitUntil(() => line.connections > 1, { what: 'another connection' });
    await waitUntil(() => transaction.remainingMs() === 0, { what: 'the deadline' });
    expect(await tm.outcome(transaction.gid)).toMatchObject({ outcome: 'unknown' });
    committed.open();
    const { gid } = await committing;
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'committed' });
    expect(transaction.gid).toBe(gid);
    expect(rows()).toEqual(['item -1']);
  });

  test('is aborted when its resource manager refuses, and the coordinator hears why', async () => {
    stock.hooks.ready = () => {
      throw new UnanimousError('constraint-violated', 'stock must not be negative');
    };
    const error = await tm.transaction(writeOne).catch((thrown: UnanimousError) => thrown);
    expect(error).toMatchObject({ code: 'aborted', reason: { code: 'constraint-violated' } });
    const { gid = '' } = error as UnanimousError;
    await hasSent('aborts');
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'aborted' });
    await nothingIsLeft();
  });

  const loseAnswer = (fate: 'committed' | 'rolled-back') => (id: BranchId) => {
    stock.store.fates.set(formatBranchId(id), fate);
    stock.store.open.clear();
    throw new Error('the connection was lost');
  };

  test('asks the receipt when the answer is lost', async () => {
    stock.hooks.commitOnePhase = loseAnswer('committed');
    expect(await tm.transaction(writeOne)).toMatchObject({ outcome: 'committed' });
    stock.hooks.commitOnePhase = loseAnswer('rolled-back');
    await expect(tm.transaction(writeOne)).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'rm-unavailable' },
    });
    expect(stock.store.calls.filter((call) => call === 'settle 1')).toHaveLength(2);
  });

  test('is unknown, and never aborted, when nobody can tell in time', async () => {
    stock.hooks.commitOnePhase = (id) => {
      stock.store.fates.clear();
      stock.store.open.add(formatBranchId(id));
      throw new Error('the connection was lost');
    };
    const options = { timeoutMs: 50, waitAppliedMs: 0 };
    const error = await tm.transaction(writeOne, options).catch((thrown: UnanimousError) => thrown);
    expect(error).toMatchObject({ code: 'unknown' });
    const { gid = '' } = error as UnanimousError;
    expect(await tm.outcome(gid)).toMatchObject({ gid, outcome: 'unknown' });
    for (const key of stock.store.open) stock.store.fates.set(key, 'committed');
    stock.store.open.clear();
    await waitUntil(() => tm.kept.branches === 0, { what: 'the branch to be settled' });
  });

  test('gives its gid back: a session has no more than 64 blocks that are not used up', async () => {
    let blocks = 0;
    const refusals: unknown[] = [];
    line.onFrame = (frame) => {
      blocks += frame.reserved.length;
      refusals.push(...frame.refusals);
      return true;
    };
    for (let n = 0; n < 180; n += 1) {
      await Promise.all(Array.from({ length: 95 }, () => tm.transaction(() => 7)));
      await sleep(systemAmbient, 1);
    }
    expect(blocks).toBeGreaterThan(64);
    expect(refusals).toEqual([]);
  });
});

describe('a transaction whose gid leaves the process', () => {
  test('is told at once, and commits as any other', async () => {
    await tm.transaction(async () => {
      await orders.write('order 1');
      packBaggage()?.answered();
      await stock.write('item -1');
    });
    expect(sent.toSorted()).toEqual(['begins', 'commits', 'enlists', 'votes', 'votes']);
    expect(rows()).toEqual(['order 1', 'item -1']);
  });

  test('by hand is joined as soon as the coordinator knows it', async () => {
    const other = host.client();
    const items = await other.serve(new FakeDatabase('items-db'));
    await tm.transaction(async ({ gid }) => {
      await orders.write('order 1');
      const joined = other.join(gid, 5_000);
      await joined.run(() => items.write('item -1'));
      joined.answer();
    });
    expect(sent).not.toContain('wholes');
    expect([...rows(), ...items.store.rows]).toEqual(['order 1', 'item -1']);
  });

  test('ends when the coordinator does not take what has begun', async () => {
    await beFull();
    const failing = tm.transaction(async () => {
      await orders.write('order 1');
      packBaggage()?.answered();
    });
    await expect(failing).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'overloaded' },
    });
    await nothingIsLeft();
  });
});

test('a transaction that stays open is told after a while', async () => {
  await tm.transaction(async () => {
    await orders.write('order 1');
    await waitUntil(() => host.status()?.active === 1, { what: 'the coordinator to know it' });
  });
  expect(sent).toContain('begins');
  expect(rows()).toEqual(['order 1']);
});

test('votes too large for one message go one by one', async () => {
  await tm.close();
  await host.down();
  host.limits = { maxPayloadBytes: 10 };
  await host.up();
  await begin();
  orders.redo = new Uint8Array(8);
  stock.redo = new Uint8Array(8);
  expect(await tm.transaction(writeBoth)).toMatchObject({ outcome: 'committed' });
  expect(sent.toSorted()).toEqual(['begins', 'commits', 'votes', 'votes']);
});

test('many at once use more gids than one block has', async () => {
  const many = Array.from({ length: 700 }, () => tm.transaction(() => stock.branch()));
  const outcomes = await Promise.all(many);
  expect(new Set(outcomes.map(({ gid }) => gid)).size).toBe(700);
});

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
