import type { CoordinatorFrame, Gid, PeerFrame } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { committedOrThrow } from '../../../participant-sdk/src/client/outcome.ts';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { FakeDatabase } from '../support/fake-database.ts';
import {
  obliging,
  ScriptedCoordinator,
  type ScriptedConnection,
} from '../support/scripted-coordinator.ts';

type Outcome = CoordinatorFrame['outcomes'][number];
type Told = Partial<Outcome>;

let coordinator: ScriptedCoordinator;
let tm: TransactionClient;
let orders: FakeDatabase;
let tries = 0;

beforeEach(async () => {
  tries = 0;
  coordinator = new ScriptedCoordinator();
  tm = new TransactionClient({
    transport: coordinator,
    timeoutMs: 100,
    waitAppliedMs: 0,
    closeTimeoutMs: 50,
  });
  orders = await tm.serve(new FakeDatabase('orders-db'));
});

afterEach(() => tm.close());

const outcome = ({ ref, gid }: { ref: number; gid: string }, told: Told): Outcome => {
  const nothing = { applied: false, pending: [], heuristics: [], reason: null };
  return { ...nothing, kind: 'OUTCOME_UNKNOWN', ref, gid, ...told };
};

/** From now on commits and questions are answered so, or by what `act` does. */
function answering(told: Told, act?: (frame: PeerFrame, to: ScriptedConnection) => boolean): void {
  coordinator.answer = (frame, connection) => {
    obliging(frame, connection);
    const asked = [...frame.commits, ...frame.asks];
    if (asked.length === 0 || act?.(frame, connection)) return;
    connection.say({ outcomes: asked.map((one) => outcome(one, told)) });
  };
}

const place = () => {
  tries += 1;
  return orders.write('order');
};

const heuristics: Outcome['heuristics'] = [
  { branch: 1, rm: 'orders-db', result: 'ROLLED_BACK', reason: null },
];

test.each([
  ['unknown', { kind: 'OUTCOME_UNKNOWN' }],
  ['expired', { kind: 'OUTCOME_EXPIRED' }],
  ['heuristic', { kind: 'OUTCOME_COMMITTED', heuristics }],
] as const)('what may be committed is never tried again: %s', async (code, told) => {
  answering(told);
  await expect(tm.transaction(place, { retry: 3 })).rejects.toMatchObject({ code });
  expect(tries).toBe(1);
});

test('the outcome is asked for on each new session until one answers', async () => {
  let lost = 0;
  answering({ kind: 'OUTCOME_COMMITTED', applied: true }, (_, connection) => {
    if (lost === 3) return false;
    lost += 1;
    connection.end(); // with the commit, or the question, on it
    return true;
  });
  expect(await tm.transaction(place)).toMatchObject({ outcome: 'committed', applied: true });
  expect([tries, lost]).toEqual([1, 3]);
});

test('an outcome that is not known is no commit', () => {
  const gid = '4f1c9a7be203-1-1' as Gid;
  const unknown = { gid, outcome: 'unknown', applied: false, pending: [], heuristics: [] } as const;
  expect(() => committedOrThrow(unknown)).toThrow(/is not known/);
});

describe('once the commit was asked for', () => {
  test('no work joins any more', async () => {
    answering({}, () => true);
    const transaction = await tm.begin();
    await transaction.run(place);
    const committing = transaction.commit().catch(() => undefined);
    const { gid } = transaction;
    await waitUntil(() => coordinator.heard('commits').flat().length === 1, { what: 'the commit' });
    const late = tm.join(gid, 1_000).run(() => orders.write('late'));
    await expect(late).rejects.toMatchObject({ code: 'work-after-end' });
    coordinator.connections.at(-1)?.say({
      outcomes: coordinator
        .heard('commits')
        .flat()
        .map((one) => outcome(one, { kind: 'OUTCOME_EXPIRED' })),
    });
    await committing;
  });

  test('nothing works in it: it is not asked for while a function does', async () => {
    const transaction = await tm.begin();
    let finish = (): void => {};
    const running = transaction
      .run(async () => {
        await place();
        await new Promise<void>((resolve) => (finish = resolve));
      })
      .catch(() => undefined);
    await waitUntil(() => tries === 1, { what: 'the work' });
    await expect(transaction.commit()).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'statement-running' },
    });
    finish();
    await running;
    expect(coordinator.heard('commits').flat()).toEqual([]);
  });
});
