import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import { type CrashRow, crashRows, titleOf } from './support/crash-rows.ts';
import { Ledger } from './support/ledger.ts';
import { type RowResult, runRow } from './support/run-row.ts';

const isFull = process.env.UNANIMOUS_CRASH === 'all';
const chosen = crashRows.filter(({ quick, dish }) => (isFull || quick) && dish !== 'told');

let fleet: CrashFleet;
let ledger: Ledger;
const results: RowResult[] = [];

serverOrSkip('postgres').describe('a process that is hit', () => {
  beforeAll(async () => {
    fleet = await CrashFleet.start();
    ledger = new Ledger(fleet);
    expect(await ledger.place('all').told).toBe('placed');
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test.each(chosen.map((row): [string, CrashRow] => [titleOf(row), row]))(
    '%s',
    { timeout: 60_000 },
    async (_title, row) => {
      try {
        results.push(await runRow(fleet, ledger, row));
      } catch (error) {
        await fleet.restartAll(); // the rows that follow need it
        throw error;
      }
    },
  );

  test('did so at every point of the table, and all is well', async () => {
    expect(results.map(({ row }) => titleOf(row))).toEqual(chosen.map(titleOf));
    await fleet.untilAtRest();
    expect(await ledger.place('all').told).toBe('placed');
    await fleet.untilAtRest();
    expect(await ledger.violations()).toEqual([]);
    expect(ledger.count('placed')).toBeGreaterThanOrEqual(2);
  });
});
