import type { TransactionView } from '@unanimous/proto';
import { expect, test } from 'vitest';
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
  const operator = new Operator({
    rm: 'orders-db',
    admin: { resolve: async (word) => resolved.push(word) as never },
    holds: async (gid) => gid === 'there',
  });
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
