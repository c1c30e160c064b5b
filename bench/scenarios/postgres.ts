import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { tempDir } from '../../test/support/temp-dir.ts';
import { closedLoop } from '../load.ts';
import type { Case, RunningScenario, Scenario, ScenarioOptions, Subject } from '../scenario.ts';
import { AccountDatabases, change, look, rowCounts } from '../support/accounts.ts';
import { BuiltCoordinator } from '../support/built-coordinator.ts';
import { plainCommits, preparedByHand, type Statement } from '../support/by-hand.ts';
import { Echo } from '../support/echo.ts';

/**
 * What it costs to change rows of two Postgres databases together, beside what one gets without a
 * coordinator: prepared transactions that nobody looks after, and two plain commits.
 */
export const scenario: Scenario = {
  name: 'postgres',
  title: 'Transactions over two Postgres databases',
  page: 'performance.md',
  chart: { xLabel: 'transactions in flight, on cold rows' },
  start,
};

const mostInFlight = 64;

async function start({ isQuick }: ScenarioOptions): Promise<RunningScenario> {
  const databases = await AccountDatabases.start(2, mostInFlight);
  const folder = tempDir('unanimous-bench-');
  const coordinator = await BuiltCoordinator.launch(folder.file('coordinator'));
  const tm = new TransactionClient({ address: coordinator.address, service: 'bench' });
  const echo = await Echo.start();
  const resources = await Promise.all(
    databases.urls.map((connectionString, n) =>
      tm.serve(postgres({ rm: `accounts-${n}`, pg, connectionString, max: mostInFlight })),
    ),
  );
  const ours = resources.map(({ pool }) => pool);
  const together = async (pools: readonly pg.Pool[], sql: string, id: number) => {
    await tm.transaction(async () => {
      for (const pool of pools) await pool.query(sql, [id]);
    });
  };
  const inFlights = isQuick ? [32] : [1, 8, 32, mostInFlight];
  const rowsAt = (rows: keyof typeof rowCounts) => () =>
    1 + Math.floor(Math.random() * rowCounts[rows]);

  const overTwo = (inFlight: number, rows: keyof typeof rowCounts): Case => {
    const row = rowsAt(rows);
    const { pools } = databases;
    return {
      name: `${inFlight} in flight, ${rows} rows`,
      ...(rows === 'cold' && { x: inFlight }),
      unit: 'transactions/s',
      better: 'more',
      subjects: [
        loaded('prepared by hand', inFlight, () => preparedByHand(pools, changing(row()))),
        loaded('plain commits', inFlight, () => plainCommits(pools, changing(row()))),
        {
          ...loaded('transactions', inFlight, () => together(ours, change, row())),
          isFloor: false,
        },
      ],
    };
  };
  /** What no coordinator in a process of its own can beat: a question, answered without a thought. */
  const withQuestion = (): Case => {
    const row = rowsAt('cold');
    const { pools } = databases;
    const asked = () => preparedByHand(pools, changing(row()), () => echo.roundTrip());
    return {
      name: '32 in flight, by hand, and a question between the phases',
      unit: 'transactions/s',
      better: 'more',
      subjects: [
        loaded('prepared by hand', 32, () => preparedByHand(pools, changing(row()))),
        { ...loaded('with a question to an echo', 32, asked), isFloor: false },
      ],
    };
  };
  const overOne = (name: string, sql: string): Case => {
    const row = rowsAt('cold');
    const [plain, resource] = [databases.pools.slice(0, 1), ours.slice(0, 1)];
    const statement =
      (id: number): Statement =>
      (client) =>
        client.query(sql, [id]);
    return {
      name,
      unit: 'transactions/s',
      better: 'more',
      subjects: [
        loaded('plain commit', 32, () => plainCommits(plain, statement(row()))),
        { ...loaded('transactions', 32, () => together(resource, sql, row())), isFloor: false },
      ],
    };
  };
  return {
    cases: [
      ...inFlights.map((inFlight) => overTwo(inFlight, 'cold')),
      ...(isQuick ? [] : [overTwo(32, 'hot'), withQuestion()]),
      overOne('one database, 32 in flight', change),
      overOne('one database, only read, 32 in flight', look),
    ],
    async [Symbol.asyncDispose]() {
      await echo[Symbol.asyncDispose]();
      await tm.close();
      await coordinator[Symbol.asyncDispose]();
      await databases[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

const changing =
  (id: number): Statement =>
  (client) =>
    client.query(change, [id]);

function loaded(name: string, inFlight: number, work: () => Promise<unknown>): Subject {
  return {
    name,
    isFloor: true,
    measure: ({ durationMs }) => closedLoop(work, { inFlight, durationMs }),
  };
}
