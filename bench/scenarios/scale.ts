import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closedLoop } from '../load.ts';
import type { Case, RunningScenario, Scenario, ScenarioOptions, Subject } from '../scenario.ts';
import { spreadOf } from '../summary.ts';
import { cpuTimeUs, residentBytes } from '../support/cpu-time.ts';
import { IdleSessions } from '../support/idle-sessions.ts';
import { VotingShop } from '../support/voting-shop.ts';

/** What grows, and what must not. CPU time, which other processes of the machine hardly change. */
export const scenario: Scenario = {
  name: 'scale',
  title: 'More participants, sessions and bytes, and more time',
  page: 'performance.md',
  start,
};

const inFlight = 64;
const kib = 1_024;
const mib = 1_024 * kib;

/** Sessions that do nothing. They have settled when the timers of their beginning are over. */
const idle = {
  full: { count: 1_000, settleMs: 12_000, turns: 40 },
  quick: { count: 200, settleMs: 1_000, turns: 8 },
};

async function start({ isQuick, minutes }: ScenarioOptions): Promise<RunningScenario> {
  const opened: AsyncDisposable[] = [];
  const keep = async <D extends AsyncDisposable>(opening: Promise<D>): Promise<D> => {
    const one = await opening;
    opened.push(one);
    return one;
  };
  const shop = (participants: number, payloadBytes = 0) =>
    keep(VotingShop.open({ participants, payloadBytes }));
  const two = await shop(2);
  const participants = isQuick ? [16] : [4, 8, 16, 32];
  const payloads = isQuick ? [16] : [1, 16, 256];
  const cases: Case[] = [];
  for (const count of participants) cases.push(participantsCase(two, await shop(count), count));
  cases.push(...(await sessionsCases(keep, isQuick ? idle.quick : idle.full)));
  cases.push(await openCase(await shop(2), isQuick ? 1_000 : 9_000));
  for (const size of payloads) {
    cases.push(payloadCase(await shop(2), await shop(2, size * kib), size));
  }
  const forgetful = await keep(
    VotingShop.open({ participants: 2, args: ['--retain-outcomes', '1000'] }),
  );
  cases.push(...lastingCases(forgetful, minutes));
  return {
    cases,
    async [Symbol.asyncDispose]() {
      for (const one of opened.toReversed()) await one[Symbol.asyncDispose]();
    },
  };
}

/** Fewer in flight where each is large: a session takes 16 MiB that wait, and ends above. */
function cpuOf(
  name: string,
  shop: VotingShop,
  share: number,
  { isFloor = false, atOnce = inFlight } = {},
): Subject {
  return {
    name,
    isFloor,
    async measure({ durationMs }) {
      return { value: (await shop.cpuUsOfOne(atOnce, durationMs)) / share };
    },
  };
}

function participantsCase(two: VotingShop, many: VotingShop, count: number): Case {
  return {
    name: `${count} participants`,
    unit: 'µs of CPU for each',
    better: 'less',
    subjects: [
      cpuOf('2 participants', two, 2, { isFloor: true }),
      cpuOf(`${count} participants`, many, count),
    ],
  };
}

/** What sessions cost that do nothing: memory, CPU while nothing happens, and CPU of transactions. */
async function sessionsCases(
  keep: <D extends AsyncDisposable>(opening: Promise<D>) => Promise<D>,
  { count, settleMs, turns }: typeof idle.full,
): Promise<Case[]> {
  const calm = await keep(VotingShop.open({ participants: 2 }));
  const crowded = await keep(VotingShop.open({ participants: 2 }));
  const { coordinator, dataDir } = crowded;
  const names = ['no idle sessions', `${count} idle sessions`];
  let beforeBytes = 0;
  return [
    {
      name: `memory of ${count} idle sessions`,
      unit: 'KiB of the coordinator each',
      better: 'less',
      rounds: 1,
      subjects: measuredAtOnce(['without garbage'], async (index) => {
        if (index >= 0) {
          await sleep(settleMs);
          return [((await coordinator.neededBytes()) - beforeBytes) / count / kib];
        }
        await calm.coordinator.neededBytes(); // what was collected makes both slower for a while
        beforeBytes = await coordinator.neededBytes();
        await keep(IdleSessions.open(coordinator.address, count, `${dataDir}.idle.log`));
        return [];
      }),
    },
    {
      name: `nothing but ${count} idle sessions`,
      unit: 'ms of CPU of the coordinator in a second',
      better: 'less',
      rounds: 1,
      subjects: measuredAtOnce(names, () => idleUsInMs([calm, crowded])),
    },
    {
      name: `transactions beside ${count} idle sessions`,
      unit: 'µs of CPU of the coordinator',
      better: 'less',
      subjects: measuredAtOnce(names, () => inShortTurns([calm, crowded], turns)).map(
        (subject, at) => ({ ...subject, isFloor: at === 0 }),
      ),
    },
  ];
}

/** Subjects that are measured at once: the first runs the round, and each tells its own figure. */
function measuredAtOnce(
  names: readonly string[],
  measure: (index: number) => Promise<readonly number[]>,
): Subject[] {
  let values: readonly number[] = [];
  return names.map((name, at) => ({
    name,
    async measure({ index }) {
      if (at === 0) values = await measure(index);
      return { value: values[at] ?? Number.NaN };
    },
  }));
}

/** CPU time that each coordinator takes while nobody asks it for anything. */
async function idleUsInMs(shops: readonly VotingShop[]): Promise<number[]> {
  const ms = 3_000; // in which each connection is pinged once from either side
  const usOf = () => shops.map((shop) => cpuTimeUs(shop.coordinator.pid));
  const before = usOf();
  await sleep(ms);
  return usOf().map((us, at) => (us - (before[at] ?? 0)) / ms);
}

/**
 * Median CPU time of a transaction, of each coordinator. Turns are so short that what else the machine
 * does hits all alike, and so many that a median of them tells a few percent.
 */
async function inShortTurns(shops: readonly VotingShop[], turns: number): Promise<number[]> {
  const us: number[][] = shops.map(() => []);
  for (let turn = 0; turn < turns; turn++) {
    for (const [at, shop] of shops.entries()) {
      us[at]?.push(await shop.coordinatorUsOfOne(inFlight, 25));
    }
  }
  return us.map((values) => spreadOf(values).median);
}

/** Once: what is free again afterwards is taken by the next. */
async function openCase(shop: VotingShop, count: number): Promise<Case> {
  const { coordinator } = shop;
  const beforeBytes = await coordinator.neededBytes();
  const begun = await shop.begin(count);
  const value = ((await coordinator.neededBytes()) - beforeBytes) / count / kib;
  await Promise.all(begun.map((transaction) => transaction.abort()));
  return {
    name: `${count} open transactions`,
    unit: 'KiB of the coordinator for each',
    better: 'less',
    rounds: 1,
    subjects: [{ name: 'with two branches', measure: () => Promise.resolve({ value }) }],
  };
}

function payloadCase(empty: VotingShop, loaded: VotingShop, size: number): Case {
  const atOnce = size > 64 ? 8 : inFlight;
  return {
    name: `${size} KiB in each vote`,
    unit: 'µs of CPU',
    better: 'less',
    subjects: [
      cpuOf('no payload', empty, 1, { isFloor: true, atOnce }),
      cpuOf(`${size} KiB`, loaded, 1, { atOnce }),
    ],
  };
}

/** Runs for minutes: memory and log must not grow after the first quarter. */
function lastingCases(shop: VotingShop, minutes: number): Case[] {
  const sizes = new Map<string, { readonly memory: number; readonly log: number }>();
  const durationMs = (minutes * 60_000) / 4;
  const run = async (until: string, quarters: number): Promise<void> => {
    for (let quarter = 0; quarter < quarters; quarter++) {
      await closedLoop(() => shop.transaction(), { inFlight, durationMs });
    }
    const memory = residentBytes(shop.coordinator.pid);
    sizes.set(until, { memory, log: folderBytes(shop.dataDir) });
  };
  const caseOf = (what: 'memory' | 'log', runs: boolean): Case => ({
    name: `${what} after ${minutes} minutes of load`,
    unit: 'MiB',
    better: 'less',
    rounds: 1,
    subjects: [
      { name: 'after a quarter', isFloor: true, quarters: 1 },
      { name: 'at the end', isFloor: false, quarters: 3 },
    ].map(({ name, isFloor, quarters }) => ({
      name,
      isFloor,
      async measure({ index }) {
        if (index === 0 && runs) await run(name, quarters);
        return { value: (sizes.get(name)?.[what] ?? 0) / mib };
      },
    })),
  });
  return [caseOf('memory', true), caseOf('log', false)];
}

function folderBytes(dir: string): number {
  const files = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { name }) => sum + statSync(join(dir, name)).size, 0);
}
