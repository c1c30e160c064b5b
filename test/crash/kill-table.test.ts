import { afterAll, beforeAll, expect } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import { crashRows } from './support/crash-table.ts';
import { Ledger } from './support/ledger.ts';
import { testRows } from './support/row-tests.ts';

const isFull = process.env.UNANIMOUS_CRASH === 'all';

let fleet: CrashFleet;
let ledger: Ledger;

serverOrSkip('postgres').describe('a process that is hit', () => {
  beforeAll(async () => {
    fleet = await CrashFleet.start();
    ledger = new Ledger(fleet);
    expect(await ledger.place('all').told).toBe('placed');
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  testRows(
    crashRows.filter(({ quick, dish }) => (isFull || quick) && dish !== 'told'),
    () => ({ fleet, ledger }),
  );
});
