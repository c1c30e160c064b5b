import type { TransactionView } from '@unanimous/proto';
import { expect, test } from 'vitest';
import type { CrashFleet } from './support/crash-fleet.ts';
import { Operator } from './support/operator.ts';

const crashed = "orders-db: the server crashed, and 12906 may be another's transaction since";

/** A transaction that is not over, with one branch or more. */
function open(gid: string, ...branches: readonly [rm: string, state: string, message: string][]) {
  const views = branches.map(([rm, state, message], at) => {
    return { branch: at + 1, rm, state, reason: { message } };
  });
  return { gid, state: 'heuristic', branches: views } as unknown as TransactionView;
}

test('resolves what a crashed server cannot tell by what is there, and nothing else', async () => {
  const resolved: object[] = [];
  const query = (_: string, [gid]: readonly string[]) => ({ rowCount: gid === 'there' ? 1 : 0 });
  const fleet = {
    databases: { orders: { query } },
    admin: { resolve: (word: object) => void resolved.push(word) },
  } as unknown as CrashFleet;
  const operator = new Operator(fleet);
  const hazards = [
    open('there', ['orders-db', 'unknown', crashed]),
    open('not-there', ['orders-db', 'unknown', crashed]),
    open('by-hand', ['orders-db', 'committed', 'orders-db: committed by hand']),
    open('forgotten', ['orders-db', 'unknown', 'Postgres has forgotten transaction 7']),
    open('prepared', ['orders-db', 'unknown', crashed], ['stock-db', 'committed', '']),
  ];
  for (let look = 1; look <= 2; look++) await operator.look(hazards);
  expect(resolved).toMatchObject([
    { gid: 'there', branch: 1, resolution: 'RESOLVED_COMMITTED' },
    { gid: 'not-there', branch: 1, resolution: 'RESOLVED_ROLLED_BACK' },
  ]);
  expect(operator.resolvedCount).toBe(2);
});
