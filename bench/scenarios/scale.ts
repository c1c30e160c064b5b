import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { closedLoop } from '../load.ts';
import type { Case, RunningScenario, Scenario, ScenarioOptions, Subject } from '../scenario.ts';
import { residentBytes } from '../support/cpu-time.ts';
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
  const sessions = isQuick ? [100] : [100, 1_000];
  const payloads = isQuick ? [16] : [1, 16, 256];
  const cases: Case[] = [];
  for (const count of participants) cases.push(participantsCase(two, await shop(count), count));
  for (const count of sessions) {
    const crowded = await shop(2);
    const beforeBytes = residentBytes(crowded.coordinator.pid);
    await keep(IdleSessions.open(crowded.coordinator.address, count));
    const bytes = (residentBytes(crowded.coordinator.pid) - beforeBytes) / count;
    // A floor of the same age: who has run for longer has faster code.
    cases.push(sessionsCase(await shop(2), crowded, { count, bytes }));
  }
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

function sessionsCase(
  calm: VotingShop,
  crowded: VotingShop,
  { count, bytes }: { readonly count: number; readonly bytes: number },
): Case {
  const each = `${Math.round(bytes / kib)} KiB of the coordinator each`;
  return {
    name: `${count} idle sessions`,
    unit: 'µs of CPU',
    better: 'less',
    subjects: [
      cpuOf('no idle sessions', calm, 1, { isFloor: true }),
      cpuOf(`${count} idle sessions, ${each}`, crowded, 1),
    ],
  };
}

/** Once: what is free again afterwards is taken by the next. */
async function openCase(shop: VotingShop, count: number): Promise<Case> {
  const { pid } = shop.coordinator;
  const beforeBytes = residentBytes(pid);
  const begun = await shop.begin(count);
  const value = (residentBytes(pid) - beforeBytes) / count / kib;
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
