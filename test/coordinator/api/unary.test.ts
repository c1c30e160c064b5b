import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { type ServedCoordinator, serveCoordinator } from './served-coordinator.ts';
import { refusal } from './unary-client.ts';

let served: ServedCoordinator;

beforeAll(async () => {
  served = await serveCoordinator();
});

afterAll(() => served[Symbol.asyncDispose]());

describe('a transaction over the unary API', () => {
  test('commits what a queue was handed', async () => {
    const client = served.client();
    const peer = await served.peer();
    await peer.serve('events');

    const begun = await client.begin({ name: 'place-order' });
    expect(begun).toMatchObject({ gid: expect.stringMatching(/^[0-9a-f]{12}-1-[0-9]+$/) });
    expect(begun.owner).toMatch(/^[0-9a-f]{32}$/);
    expect(await client.enlist(begun, 'events', 'first')).toEqual({ branch: 1 });
    expect(await client.enlist(begun, 'events', 'second')).toEqual({ branch: 2 });
    const outcome = await client.commit(begun);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true, pending: [] });
    expect(peer.applied.toSorted()).toEqual(['first', 'second']);
    expect(await client.get(begun.gid)).toEqual(outcome);
    expect(await client.commit(begun)).toEqual(outcome);
  });

  test('answers when it is decided, where nobody waits for the rest', async () => {
    const client = served.client();
    const peer = await served.peer({ result: () => undefined });
    await peer.serve('slow');
    const begun = await client.begin();
    await client.enlist(begun, 'slow', 'x');
    const outcome = await client.commit(begun, 0);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: false });
    expect(outcome.pending).toMatchObject([{ branch: 1, rm: 'slow' }]);
  });

  test('aborts on a no, and says who said it', async () => {
    const client = served.client();
    const why = { code: 'prepare-refused', message: 'the queue is full', hint: 'Empty it.' };
    const peer = await served.peer({ vote: () => ({ kind: 'NO', reason: why }) });
    await peer.serve('naysayer');
    const begun = await client.begin();
    await client.enlist(begun, 'naysayer', 'x');
    expect(await client.commit(begun)).toMatchObject({ kind: 'OUTCOME_ABORTED', reason: why });
    expect(peer.applied).toEqual([]);
  });

  test('aborts when asked to, and keeps the reason', async () => {
    const client = served.client();
    const begun = await client.begin();
    const outcome = await client.abort(begun, 'changed my mind');
    expect(outcome).toMatchObject({ kind: 'OUTCOME_ABORTED', applied: true });
    expect(outcome.reason).toMatchObject({ code: 'client-aborted', message: 'changed my mind' });
    await (await served.peer()).serve('asked');
    expect(await refusal(client.enlist(begun, 'asked', 'x'))).toMatchObject({ code: 'not-live' });
  });

  test('aborts at its deadline', async () => {
    const client = served.client();
    const peer = await served.peer({ vote: () => undefined });
    await peer.serve('silent');
    const begun = await client.begin({ timeoutMs: 200 });
    await client.enlist(begun, 'silent', 'x');
    const outcome = await client.commit(begun);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_ABORTED', reason: { code: 'timeout' } });
  });

  test('waits no shorter for the longest wait that the contract can say', async () => {
    const client = served.client();
    const peer = await served.peer();
    await peer.serve('quick');
    const begun = await client.begin();
    await client.enlist(begun, 'quick', 'x');
    expect(await client.commit(begun, 2 ** 32 - 1)).toMatchObject({ applied: true });
  });
});

describe('a refusal', () => {
  test.each([
    ['not-a-gid', status.INVALID_ARGUMENT, 'malformed-gid'],
    [`${'a'.repeat(12)}-1-1`, status.FAILED_PRECONDITION, 'foreign-gid'],
    ["x'; drop table log; --", status.INVALID_ARGUMENT, 'malformed-gid'],
    ['', status.INVALID_ARGUMENT, 'malformed-gid'],
    ['0'.repeat(100_000), status.INVALID_ARGUMENT, 'malformed-gid'],
  ])('of gid %.30s', async (gid, expected, code) => {
    const client = served.client();
    const owner = 'whoever';
    const answers = [
      client.get(gid),
      client.commit({ gid, owner }),
      client.abort({ gid, owner }),
      client.enlist({ gid, owner }, 'events', 'x'),
      client.admin('show', { gid }),
      client.admin('resolve', { gid, resolution: 1, reason: 'x', operator: 'x' }),
    ].map(refusal);
    for (const refused of await Promise.all(answers)) {
      expect(refused).toMatchObject({ status: expected, code });
      expect(refused.hint).not.toBe('');
    }
  });

  test('of a gid that was never given out', async () => {
    const client = served.client();
    const { logId } = served.service.coordinator.incarnation;
    for (const gid of [`${logId}-1-999999`, `${logId}-9-1`]) {
      expect(await refusal(client.get(gid))).toMatchObject({ code: 'not-live' });
    }
  });

  test.each(['', 'x', '0'.repeat(32)])('of the secret %j', async (owner) => {
    const client = served.client();
    const { gid } = await client.begin();
    const wrong = { gid, owner };
    const expected = { status: status.PERMISSION_DENIED, code: 'not-owner' };
    expect(await refusal(client.enlist(wrong, 'events', 'x'))).toMatchObject(expected);
    expect(await refusal(client.commit(wrong))).toMatchObject(expected);
    expect(await refusal(client.abort(wrong))).toMatchObject(expected);
    expect(await client.get(gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
  });

  test('of work that nobody takes', async () => {
    const client = served.client();
    const begun = await client.begin();
    const enlist = () => refusal(client.enlist(begun, 'lost', 'x'));
    expect(await enlist()).toMatchObject({ code: 'unknown-rm' });
    const peer = await served.peer();
    await peer.serve('lost', { takesWork: false });
    expect(await enlist()).toMatchObject({ code: 'takes-no-work' });
    peer.close();
    const expected = { code: 'rm-not-served', status: status.UNAVAILABLE };
    await waitUntil(async () => (await enlist()).code === 'rm-not-served', { what: 'the loss' });
    expect(await enlist()).toMatchObject(expected);
  });

  test('above a limit', async () => {
    const limits = { maxOpen: 1, maxBranches: 1, maxPayloadBytes: 10, maxTimeoutMs: 60_000 };
    await using limited = await serveCoordinator({ limits });
    const client = limited.client();
    const peer = await limited.peer();
    await peer.serve('events');
    const late = await refusal(client.begin({ timeoutMs: 60_001 }));
    expect(late).toMatchObject({ code: 'invalid-argument' });
    const begun = await client.begin();
    const full = await refusal(client.begin());
    expect(full).toMatchObject({ code: 'overloaded', status: status.RESOURCE_EXHAUSTED });
    const large = await refusal(client.enlist(begun, 'events', 'x'.repeat(11)));
    expect(large).toMatchObject({ code: 'payload-too-large' });
    await client.enlist(begun, 'events', 'x');
    const second = await refusal(client.enlist(begun, 'events', 'x'));
    expect(second).toMatchObject({ code: 'too-many-branches' });
  });

  test('of a protocol that we do not speak', async () => {
    for (const protocol of ['2', '0', '99999999999999999999', 'x', '']) {
      const refused = await refusal(served.client({ 'unanimous-protocol': protocol }).begin());
      const expected = { status: status.FAILED_PRECONDITION, code: 'unsupported-protocol' };
      expect(refused, protocol).toMatchObject(expected);
    }
    await served.client({ 'unanimous-protocol': '1' }).begin();
  });

  test('of a message and of metadata that are too large', async () => {
    const client = served.client();
    const begun = await client.begin();
    const message = await refusal(client.enlist(begun, 'events', Buffer.alloc(5 * 1_024 * 1_024)));
    expect(message).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
    const crowded = served.client({ 'x-filler': 'x'.repeat(9_000) });
    expect(await refusal(crowded.begin())).toMatchObject({ code: 'payload-too-large' });
    expect(await client.get(begun.gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
  });
});

test('a commit whose call was cancelled leaves no waiter, and goes on', async () => {
  const client = served.client();
  let vote: object | undefined;
  const peer = await served.peer({ vote: () => vote });
  await peer.serve('cancelled');
  const begun = await client.begin();
  await client.enlist(begun, 'cancelled', 'x');
  const committing = refusal(
    client.commit(begun, 60_000, (call) => setTimeout(() => call.cancel(), 100)),
  );
  expect(await committing).toMatchObject({ status: status.CANCELLED });
  const entry = served.service.coordinator.transactions.find(begun.gid);
  await waitUntil(() => entry?.waiters.count === 0, { what: 'the waiter to go' });
  const { gid } = begun;
  vote = { kind: 'YES', redo: Buffer.from('x'), incarnation: 'i1' };
  peer.send({ votes: [{ gid, branch: 1, ...vote }] });
  await waitUntil(async () => (await client.get(gid)).applied, { what: 'the commit' });
});
