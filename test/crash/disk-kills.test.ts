import { afterAll, beforeAll, expect } from 'vitest';
import { commandOrSkip, serverOrSkip } from '../servers/require-server.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import { diskRows } from './support/disk-rows.ts';
import { Ledger } from './support/ledger.ts';
import { testRows } from './support/row-tests.ts';

const isFull = process.env.UNANIMOUS_CRASH === 'all';

let fleet: CrashFleet;
let ledger: Ledger;

commandOrSkip('cc').describe('a coordinator that loses', () => {
  serverOrSkip('postgres').describe('its process within a sync, or the power,', () => {
    beforeAll(async () => {
      fleet = await CrashFleet.start({ withDisk: true });
      ledger = new Ledger(fleet);
      expect(await ledger.place('all').told).toBe('placed');
    });

    afterAll(() => fleet?.[Symbol.asyncDispose]());

    testRows(
      diskRows.filter(({ quick, dish }) => (isFull || quick) && dish !== 'told'),
      () => ({ fleet, ledger }),
    );
  });
});
