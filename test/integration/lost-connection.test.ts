import { TransactionClient } from '@unanimous/participant-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { failureOf } from './support/failure-of.ts';
import { Gate } from './support/gate.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';
import { TcpRelay } from './support/tcp-relay.ts';

let databases: ShopDatabases;

serverOrSkip('postgres').describe("the client's connection breaks", () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start();
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  /** A client that only begins transactions, behind a network that a test can cut. */
  async function behindRelay(scene: Scene) {
    const relay = await TcpRelay.start(scene.coordinator.address);
    const tm = new TransactionClient({ address: relay.address, service: 'caller' });
    const close = async () => {
      await tm.close();
      await relay[Symbol.asyncDispose]();
    };
    return { relay, tm, [Symbol.asyncDispose]: close };
  }

  test('before the commit is asked for: aborted, and it may be tried again', async () => {
    await using scene = await Scene.open(databases, 'before');
    await using client = await behindRelay(scene);
    let attempts = 0;
    const placing = client.tm.transaction(
      async ({ signal }) => {
        attempts += 1;
        await scene.caller.reserve(`before-${attempts}`);
        if (attempts > 1) return;
        client.relay.cut();
        await waitUntil(() => signal.aborted, { what: 'the function to hear of it' });
      },
      { retry: 3 },
    );
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect(attempts).toBe(2);
    expect([await scene.countOf('before-1'), await scene.countOf('before-2')]).toEqual([0, 1]);
    await scene.expectNothingLeft();
  });

  test('during the commit: the answer is the true outcome all the same', async () => {
    await using scene = await Scene.open(databases, 'during');
    await using client = await behindRelay(scene);
    await using gate = await Gate.close(databases.stockUrl);
    const placing = client.tm.transaction(() => scene.caller.reserve('during'));
    await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the commit' });
    client.relay.holdAnswers();
    await gate.open();
    await scene.expectNothingLeft();
    client.relay.cut();
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect(await scene.countOf('during')).toBe(1);
  });

  test('until the log has forgotten: expired, never aborted', async () => {
    const limits = { retainOutcomesMs: 50 };
    await using scene = await Scene.open(databases, 'forgotten', { limits });
    await using client = await behindRelay(scene);
    await using gate = await Gate.close(databases.stockUrl);
    let gid = '';
    const placing = client.tm.transaction((transaction) => {
      ({ gid } = transaction);
      return scene.caller.reserve('forgotten');
    });
    const failure = failureOf(placing);
    await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the commit' });
    client.relay.holdAnswers();
    await gate.open();
    const { tm } = scene.orders;
    const isForgotten = async () => (await tm.outcome(gid)).outcome === 'expired';
    await waitUntil(isForgotten, { what: 'the log to forget it' });
    client.relay.cut();
    expect(await failure).toMatchObject({
      code: 'expired',
      gid,
      message: `the log has forgotten transaction ${gid}`,
      hint: 'The log has forgotten this transaction. Look into the resource managers.',
      retryable: false,
    });
    expect(await scene.countOf('forgotten')).toBe(1);
    await scene.expectNothingLeft();
  });

  test('and stays broken: unknown after a bounded time, with the gid', async () => {
    await using scene = await Scene.open(databases, 'broken');
    await using client = await behindRelay(scene);
    await using gate = await Gate.close(databases.stockUrl);
    const options = { timeoutMs: 700, waitAppliedMs: 0 };
    const failure = failureOf(client.tm.transaction(() => scene.caller.reserve('broken'), options));
    await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the commit' });
    client.relay.holdAnswers();
    await gate.open();
    const error = await failure;
    expect(error).toMatchObject({ code: 'unknown', gid: expect.any(String) });
    client.relay.cut();
    const outcome = await client.tm.outcome(String(error.gid));
    expect(outcome).toMatchObject({ outcome: 'committed', applied: true });
    expect(await scene.countOf('broken')).toBe(1);
    await scene.expectNothingLeft();
  });
});
