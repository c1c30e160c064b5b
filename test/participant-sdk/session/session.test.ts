import { UnanimousError } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { FakeDatabase } from '../support/fake-database.ts';
import { logId, obliging, ScriptedCoordinator } from '../support/scripted-coordinator.ts';

let coordinator: ScriptedCoordinator;
let tm: TransactionClient;
const lines: { event: string; level: string }[] = [];

function connect(options = {}): TransactionClient {
  const log = (level: string) => (fields: object) => {
    lines.push({ ...(fields as { event: string }), level });
  };
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  return new TransactionClient({
    transport: coordinator,
    service: 'test',
    connectTimeoutMs: 300,
    closeTimeoutMs: 50,
    logger,
    ...options,
  });
}

beforeEach(() => {
  lines.length = 0;
  coordinator = new ScriptedCoordinator();
});

afterEach(async () => {
  await tm.close();
  expect(coordinator.isClosed).toBe(true);
});

const settleFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('connecting', () => {
  test('says hello first, always under the same name, and serves everything again', async () => {
    tm = connect();
    await tm.serve(new FakeDatabase('orders-db'));
    coordinator.connections[0]?.end(new Error('connection reset'));
    await waitUntil(() => coordinator.heard('serves').flat().length === 2, { what: 'serve again' });
    const hellos = coordinator.heard('hello').filter((hello) => hello !== null);
    expect(hellos).toHaveLength(2);
    expect(hellos[0]).toMatchObject({ protocolMin: 1, protocolMax: 1, service: 'test' });
    expect(hellos[1]?.instance).toBe(hellos[0]?.instance);
    for (const { heard } of coordinator.connections) expect(heard[0]?.hello).not.toBeNull();
    expect(lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['session.opened', 'rm.served', 'session.lost']),
    );
  });

  test('nobody there: not-connected after the time, with the cause; a later start is found', async () => {
    coordinator.answer = (_frame, connection) => connection.end(new Error('ECONNREFUSED'));
    tm = connect({ connectTimeoutMs: 1_500 });
    const failing = tm.transaction(() => 1);
    await expect(failing).rejects.toMatchObject({
      code: 'not-connected',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(coordinator.connections.length).toBeLessThan(20); // backs off
    const serving = tm.serve(new FakeDatabase('orders-db'));
    coordinator.answer = obliging;
    await expect(serving).resolves.toBeInstanceOf(FakeDatabase);
  });

  test('another protocol version: typed to all callers, without a hot loop', async () => {
    const refusal = new UnanimousError('unsupported-protocol', 'we speak 7 to 9');
    coordinator.answer = (_frame, connection) => connection.end(refusal);
    tm = connect({ connectTimeoutMs: 60_000 });
    const typed = { code: 'unsupported-protocol', message: 'we speak 7 to 9' };
    await expect(tm.transaction(() => 1)).rejects.toMatchObject(typed);
    await expect(tm.serve(new FakeDatabase('orders-db'))).rejects.toMatchObject(typed);
    await expect(tm.outcome(`${logId}-1-1`)).rejects.toMatchObject(typed);
    await settleFor(200);
    expect(coordinator.connections).toHaveLength(1);
    expect(lines).toContainEqual(expect.objectContaining({ event: 'session.refused' }));
  });

  test('a frame before the welcome, or one that fails, costs the connection only', async () => {
    coordinator.answer = (_frame, connection) => {
      coordinator.answer = obliging;
      connection.say({ draining: true });
    };
    tm = connect({ connectTimeoutMs: 5_000 });
    await tm.begin();
    expect(coordinator.connections).toHaveLength(2);
    coordinator.connections[1]?.say({
      aborts: [{ gid: "x' or 1", branch: 1, rm: 'orders-db', receipt: '', incarnation: '' }],
    });
    await settleFor(10); // an RM that is not served here
    expect(coordinator.connections).toHaveLength(2);
  });
});

describe('requests', () => {
  test('an answer to another kind of request costs the connection, and is believed by nobody', async () => {
    coordinator.answer = (frame, connection) => {
      if (frame.begins.length === 0) return obliging(frame, connection);
      coordinator.answer = obliging;
      const enlisted = frame.begins.map(({ ref }) => ({ ref, branch: 1, remainingMs: 9_000 }));
      connection.say({ enlisted });
    };
    tm = connect({ connectTimeoutMs: 5_000 });
    const { gid } = await tm.begin();
    expect(gid).toContain(logId);
    expect(coordinator.connections).toHaveLength(2);
  });

  test('a begin that is lost with its session is simply begun again', async () => {
    coordinator.answer = (frame, connection) => {
      if (frame.begins.length === 0) return obliging(frame, connection);
      coordinator.answer = obliging;
      connection.end();
    };
    tm = connect({ connectTimeoutMs: 5_000 });
    const transaction = await tm.begin();
    expect(coordinator.heard('begins').flat()).toHaveLength(2);
    expect(transaction.gid).toContain(logId);
  });

  test('draining: nothing is begun on this session; the next one takes it', async () => {
    tm = connect({ connectTimeoutMs: 5_000 });
    await tm.begin();
    const [first] = coordinator.connections;
    first?.say({ draining: true });
    await waitUntil(() => lines.some(({ event }) => event === 'session.draining'), { what: 'it' });
    const begun = tm.begin();
    await settleFor(50);
    expect(coordinator.heard('begins').flat()).toHaveLength(1);
    first?.end();
    await begun;
    expect(coordinator.connections[1]?.heard.flatMap(({ begins }) => begins)).toHaveLength(1);
  });

  test('draining for too long is said so', async () => {
    tm = connect();
    await tm.begin();
    coordinator.connections[0]?.say({ draining: true });
    await waitUntil(() => lines.some(({ event }) => event === 'session.draining'), { what: 'it' });
    await expect(tm.transaction(() => 1)).rejects.toMatchObject({ code: 'draining' });
  });

  test('overloaded: begun again after the given time, where retry was asked for', async () => {
    let refusals = 2;
    coordinator.answer = (frame, connection) => {
      const [begin] = frame.begins;
      if (!begin || refusals-- <= 0) return obliging(frame, connection);
      const reason = { code: 'overloaded', message: 'full', hint: '', rm: '', retryable: true };
      connection.say({ refusals: [{ ref: begin.ref, reason, retryAfterMs: 30 }] });
    };
    tm = connect();
    await expect(tm.begin()).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 30 });
    const startedMs = performance.now();
    const stopped = new Error('begun');
    const failing = tm.transaction(
      () => {
        throw stopped;
      },
      { retry: 1 },
    );
    await expect(failing).rejects.toBe(stopped);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(29);
  });

  test('an enlist that is refused says why; the next statement may try again', async () => {
    let isRefused = false;
    coordinator.answer = (frame, connection) => {
      const [enlist] = frame.enlists;
      if (!enlist || isRefused) return obliging(frame, connection);
      isRefused = true;
      const reason = { code: 'overloaded', message: 'queue', hint: '', rm: '', retryable: true };
      connection.say({ refusals: [{ ref: enlist.ref, reason, retryAfterMs: 0 }] });
    };
    tm = connect();
    const orders = await tm.serve(new FakeDatabase('orders-db'));
    const transaction = await tm.begin();
    await expect(transaction.run(() => orders.write('a'))).rejects.toMatchObject({
      code: 'overloaded',
    });
    await transaction.run(() => orders.write('b'));
    expect(coordinator.heard('enlists').flat()).toHaveLength(2);
  });

  test('a slow coordinator is waited for, frame by frame', async () => {
    coordinator.isFast = false;
    tm = connect();
    const orders = await tm.serve(new FakeDatabase('orders-db'));
    const many = Array.from({ length: 50 }, async () => {
      const transaction = await tm.begin();
      await transaction.run(() => orders.write('row'));
      await transaction.abort();
    });
    coordinator.answer = (frame, connection) => {
      obliging(frame, connection);
      for (const { ref, gid } of frame.aborts) {
        const none = { applied: true, pending: [], reason: null, heuristics: [] };
        connection.say({ outcomes: [{ ref, gid, kind: 'OUTCOME_ABORTED', ...none }] });
      }
    };
    await Promise.all(many);
  });
});

describe('log positions', () => {
  test('the highest that was seen goes into every hello, and into the serve of who keeps it', async () => {
    tm = connect();
    const orders = await tm.serve(new FakeDatabase('orders-db'));
    const at = (seq: number) => ({ logId, epoch: 1, nonce: 'ab', seq, chain: '00' });
    const commit = (gid: string) => {
      const message = { gid, branch: 1, rm: 'orders-db', kind: 'COMMIT_PREPARED' as const };
      const facts = { receipt: 'r', redo: Buffer.alloc(0), epoch: 1, seq: 1, lowWaterSeq: 0 };
      return { ...message, ...facts, incarnation: 'i1' };
    };
    const [first] = coordinator.connections;
    first?.say({ position: at(7), commits: [commit(`${logId}-1-1`)] });
    first?.say({ position: at(5) });
    await waitUntil(() => orders.store.calls.includes('commit 1'), { what: 'the commit' });
    first?.end();
    await waitUntil(() => coordinator.heard('serves').flat().length === 2, { what: 'serve again' });
    const hellos = coordinator.heard('hello').filter((hello) => hello !== null);
    expect(hellos.map(({ seen }) => seen?.seq)).toEqual([undefined, 7]);
    const serves = coordinator.heard('serves').flat();
    expect(serves.map(({ seen }) => seen?.seq)).toEqual([undefined, 7]);
  });
});
