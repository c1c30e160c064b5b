import { TransactionClient } from '@unanimous/participant-sdk';
import { tempDir } from '../../test/support/temp-dir.ts';
import { closedLoop, openLoop } from '../load.ts';
import type { Case, RunningScenario, Scenario, ScenarioOptions, Subject } from '../scenario.ts';
import { BuiltCoordinator } from '../support/built-coordinator.ts';
import { Echo } from '../support/echo.ts';
import { LogAlone } from '../support/log-alone.ts';
import { RawDisk } from '../support/raw-disk.ts';
import { VotingResource } from '../support/voting-resource.ts';

/**
 * What two-phase commit costs by itself: a coordinator as users run it, with its log forced to the
 * disk, and two participants that do nothing.
 */
export const scenario: Scenario = {
  name: 'protocol',
  title: 'Two-phase commit between two participants that do nothing',
  page: 'performance.md',
  chart: { xLabel: 'transactions in flight' },
  start,
};

/** Of an open loop: a quiet hour, and about half of what two cores reach with many in flight. */
const rates = [1_000, 5_000];

async function start({ isQuick }: ScenarioOptions): Promise<RunningScenario> {
  const folder = tempDir('unanimous-bench-');
  const echo = await Echo.start();
  const coordinator = await BuiltCoordinator.launch(folder.file('coordinator'));
  const tm = new TransactionClient({ address: coordinator.address, service: 'bench' });
  const log = await LogAlone.open(folder.file('log-alone'));
  const disk = new RawDisk(folder.file('raw'));
  const first = await tm.serve(new VotingResource('first-db'));
  const second = await tm.serve(new VotingResource('second-db'));
  const write = () => Promise.all([first.write(), second.write()]);
  const transaction = () => tm.transaction(write);

  const loaded = (inFlight: number): Case => {
    const under = (name: string, isFloor: boolean, work: () => Promise<unknown>): Subject => ({
      name,
      isFloor,
      measure: ({ durationMs }) => closedLoop(work, { inFlight, durationMs }),
    });
    return {
      name: `${inFlight} in flight`,
      x: inFlight,
      unit: 'transactions/s',
      better: 'more',
      subjects: [
        under('echo', true, () => echo.transaction()),
        under('log alone', true, () => log.transaction()),
        under('transactions', false, transaction),
      ],
    };
  };
  /** What is left when everything that judges is taken away: the messages, and a forced record between. */
  const withNothingBetween = (inFlight: number): Case => ({
    name: `${inFlight} in flight, the messages and the log alone`,
    unit: 'transactions/s',
    better: 'more',
    subjects: [
      { name: 'echo', isFloor: true, work: () => echo.transaction() },
      {
        name: 'echo, then the log',
        isFloor: false,
        work: () => echo.transaction().then(() => log.transaction()),
      },
    ].map(({ work, ...subject }) => ({
      ...subject,
      measure: ({ durationMs }) => closedLoop(work, { inFlight, durationMs }),
    })),
  });
  const atRate = (rate: number): Case => {
    const paced = (name: string, isFloor: boolean, work: () => Promise<unknown>): Subject => ({
      name,
      isFloor,
      async measure({ durationMs }) {
        const { latencyUs } = await openLoop(work, { rate, durationMs });
        const value = (latencyUs?.getValueAtPercentile(50) ?? 0) / 1_000;
        return { value, ...(latencyUs && { latencyUs }) };
      },
    });
    return {
      name: `${rate.toLocaleString('en-US')} begin in a second`,
      unit: 'ms',
      better: 'less',
      subjects: [
        paced('echo', true, () => echo.transaction()),
        paced('transactions', false, transaction),
      ],
    };
  };
  const inFlights = isQuick ? [1, 256] : [1, 16, 64, 256, 4_096];
  return {
    cases: [
      latencyCase({ echo, disk, tm, write }),
      ...inFlights.map(loaded),
      ...(isQuick ? [] : [withNothingBetween(256)]),
      ...(isQuick ? [1_000] : rates).map(atRate),
    ],
    async [Symbol.asyncDispose]() {
      await tm.close();
      await log[Symbol.asyncDispose]();
      disk[Symbol.dispose]();
      await coordinator[Symbol.asyncDispose]();
      await echo[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

/** Alone, a transaction should take little more than what it waits for. */
function latencyCase({
  echo,
  disk,
  tm,
  write,
}: {
  readonly echo: Echo;
  readonly disk: RawDisk;
  readonly tm: TransactionClient;
  readonly write: () => Promise<unknown>;
}): Case {
  const alone = (name: string, isFloor: boolean, work: () => Promise<unknown>): Subject => ({
    name,
    isFloor,
    async measure({ durationMs }) {
      const { latencyUs } = await closedLoop(work, { inFlight: 1, durationMs });
      const value = (latencyUs?.getValueAtPercentile(50) ?? 0) / 1_000;
      return { value, ...(latencyUs && { latencyUs }) };
    },
  });
  return {
    name: 'one alone',
    unit: 'ms',
    better: 'less',
    subjects: [
      alone('two round trips and one forced write', true, async () => {
        await echo.roundTrip();
        disk.write();
        await echo.roundTrip();
      }),
      alone('one forced write', true, async () => disk.write()),
      alone('a transaction, until decided', false, () =>
        tm.transaction(write, { wait: 'decided' }),
      ),
      alone('a transaction, until applied', false, () => tm.transaction(write)),
    ],
  };
}
