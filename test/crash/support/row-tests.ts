import { expect, test } from 'vitest';
import { boundMs } from './bounds.ts';
import type { CrashFleet } from './crash-fleet.ts';
import { type CrashRow, titleOf } from './crash-row.ts';
import type { Ledger } from './ledger.ts';
import { type RowResult, runRow } from './run-row.ts';

/** Where the rows find the fleet that runs across them. */
export interface RowWorld {
  readonly fleet: CrashFleet;
  readonly ledger: Ledger;
}

/** A test for each row, and one that they all have hit what they were to hit. */
export function testRows(rows: readonly CrashRow[], world: () => RowWorld): void {
  const results: RowResult[] = [];

  test.each(rows.map((row): [string, CrashRow] => [titleOf(row), row]))(
    '%s',
    { timeout: 180_000 }, // what is waited for has bounds of its own
    async (_title, row) => {
      const { fleet, ledger } = world();
      try {
        results.push(await runRow(fleet, ledger, row));
      } catch (error) {
        await fleet.restartAll(); // the rows that follow need it
        throw error;
      }
    },
  );

  test('did so at every point of the table, and all is well', async () => {
    const { fleet, ledger } = world();
    expect(results.map(({ row }) => titleOf(row))).toEqual(rows.map(titleOf));
    const placed = ledger.count('placed');
    expect(await ledger.place('all').told).toBe('placed');
    await fleet.untilAtRest();
    expect(await ledger.violations()).toEqual([]);
    expect(ledger.count('placed')).toBe(placed + 1);
    report(results);
  });
}

/** For whoever reads the output: how long it took, and how much of its bound. */
function report(results: readonly RowResult[]): void {
  const at = (values: number[], share: number) =>
    Math.round(values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? 0);
  const settled = results.map(({ settledMs }) => settledMs);
  const blocked = results.map(({ blockedMs }) => blockedMs);
  const shares = results.map(({ row, settledMs }) => {
    return { row, percent: Math.round((100 * settledMs) / boundMs(row.bound)) };
  });
  const [worst, ...others] = shares.toSorted((a, b) => b.percent - a.percent).slice(0, 4);
  const beyond = shares.filter(({ percent }) => percent > 100).length;
  console.log(
    `${results.length} faults; settled: p50 ${at(settled, 0.5)} ms, p99 ${at(settled, 0.99)} ms; ` +
      `from the fault: p50 ${at(blocked, 0.5)} ms, p99 ${at(blocked, 0.99)} ms; ` +
      `beyond its bound, within the allowance: ${beyond}; nearest to it: ` +
      [worst, ...others].map((one) => one && `${one.percent} % ${titleOf(one.row)}`).join(', '),
  );
}
