import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { closedLoop, newHistogram } from '../load.ts';
import type { Case, RunningScenario, Sample, Scenario, ScenarioOptions } from '../scenario.ts';
import { AccountDatabases, change, rowCounts } from '../support/accounts.ts';
import { BuiltCoordinator } from '../support/built-coordinator.ts';
import { preparedByHand } from '../support/by-hand.ts';
import { SilentResource } from '../support/silent-resource.ts';

/** How long rows stay locked: in a transaction, and when the coordinator dies in the middle. */
export const scenario: Scenario = {
  name: 'blocking',
  title: 'How long rows stay locked',
  page: 'performance.md',
  start,
};

const connections = 32;

async function start({ isQuick }: ScenarioOptions): Promise<RunningScenario> {
  const databases = await AccountDatabases.start(2, connections);
  const folder = tempDir('unanimous-bench-');
  const args = ['--max-open', '20000', '--max-timeout-ms', '600000'];
  const dataDir = folder.file('coordinator');
  const coordinator = await BuiltCoordinator.launch(dataDir, ...args);
  const tm = new TransactionClient({ address: coordinator.address, service: 'bench' });
  const [first, second] = await Promise.all(
    databases.urls.map((connectionString, n) =>
      tm.serve(postgres({ rm: `accounts-${n}`, pg, connectionString, max: connections })),
    ),
  );
  const silent = await tm.serve(new SilentResource('silent'));
  const ours = [first?.pool, second?.pool] as [pg.Pool, pg.Pool];
  const [onlooker] = databases.pools as [pg.Pool];

  const restart = async (inFlight: number): Promise<Sample> => {
    const ended = Array.from({ length: inFlight }, (_, n) =>
      tm
        .transaction(
          async () => {
            await ours[0].query(change, [1 + (n % rowCounts.cold)]);
            await silent.write();
          },
          { timeoutMs: 600_000 },
        )
        .catch(() => {}),
    );
    const inDoubt = async () => {
      const { rows } = await onlooker.query('select count(*)::int from pg_prepared_xacts');
      return (rows[0] as { readonly count: number }).count;
    };
    const patience = { timeoutMs: 300_000, intervalMs: 5 };
    const areAll = async () => (await inDoubt()) === inFlight;
    await waitUntil(areAll, { what: 'all branches to be prepared', ...patience });
    await coordinator.kill9();
    await coordinator.start();
    const answeredMs = performance.now();
    const isNone = async () => (await inDoubt()) === 0;
    await waitUntil(isNone, { what: 'the last branch to be resolved', ...patience });
    const value = performance.now() - answeredMs;
    await Promise.all(ended);
    return { value };
  };
  const afterDeath = (inFlight: number): Case => ({
    name: `coordinator killed, ${inFlight.toLocaleString('en-US')} branches in doubt`,
    unit: 'ms',
    better: 'less',
    rounds: 3,
    subjects: [{ name: 'from its answer to the last branch', measure: () => restart(inFlight) }],
  });
  return {
    cases: [
      lockHold(databases.pools, ours, tm),
      ...(isQuick ? [1, 100] : [1, 100, 10_000]).map(afterDeath),
    ],
    async [Symbol.asyncDispose]() {
      await tm.close();
      await coordinator[Symbol.asyncDispose]();
      await databases[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

/** From the first database's answer to the statement until both have committed. */
function lockHold(
  pools: readonly pg.Pool[],
  ours: readonly pg.Pool[],
  tm: TransactionClient,
): Case {
  const measured = (transaction: (locked: () => void) => Promise<unknown>) => ({
    async measure({ durationMs }: { readonly durationMs: number }): Promise<Sample> {
      const latencyUs = newHistogram();
      const work = async () => {
        let lockedMs = 0;
        await transaction(() => (lockedMs ||= performance.now()));
        latencyUs.recordValue(Math.round((performance.now() - lockedMs) * 1_000));
      };
      await closedLoop(work, { inFlight: 8, durationMs });
      return { value: latencyUs.getValueAtPercentile(50) / 1_000, latencyUs };
    },
  });
  const row = () => 1 + Math.floor(Math.random() * rowCounts.cold);
  return {
    name: 'locks held, 8 in flight',
    unit: 'ms',
    better: 'less',
    subjects: [
      {
        name: 'prepared by hand',
        isFloor: true,
        ...measured((locked) =>
          preparedByHand(pools, async (client) => {
            await client.query(change, [row()]);
            locked();
          }),
        ),
      },
      {
        name: 'transactions',
        ...measured((locked) =>
          tm.transaction(async () => {
            for (const pool of ours) {
              await pool.query(change, [row()]);
              locked();
            }
          }),
        ),
      },
    ],
  };
}
