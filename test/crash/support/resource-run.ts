import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TransactionClient } from '@unanimous/participant-sdk';
import { Admin } from '../../../examples/support/admin.ts';
import { CoordinatorProcess } from '../../integration/support/coordinator-process.ts';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { NodeProcess } from '../../integration/support/node-process.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { type Random, seededRandom } from './nemesis.ts';
import { Operator } from './operator.ts';
import type { ResourceCase, Target } from './resource-case.ts';
import { type Decided, verdictOn, wordViolations } from './resource-verdict.ts';
import { isAlone, writerEnv } from './writer-settings.ts';

/** What a run is to do. */
export interface ResourceRunOptions {
  /** What is hit. */
  readonly resource: ResourceCase;
  /** What the transactions write to beside it, to tell what was decided; it is left alone. */
  readonly beside: ResourceCase;
  /** Transactions to try. */
  readonly transactions: number;
  /** How many of them go by between two kills, about. */
  readonly perKill: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

const victims = ['participant', 'coordinator', 'server'] as const;

/** Who may be killed. */
export type Victim = (typeof victims)[number];

/** What a run came to. */
export interface ResourceRunResult {
  readonly kills: Readonly<Record<Victim, number>>;
  readonly committed: number;
  readonly aborted: number;
  /** Begun, and its process never heard what became of it. */
  readonly untold: number;
  /** Copies of what was written, beyond the first, known by their id. */
  readonly repeats: number;
  /** Commits in one phase that a crashed server could not speak for, and an operator looked up. */
  readonly resolved: number;
  readonly violations: readonly string[];
}

interface Places {
  readonly coordinator: CoordinatorProcess;
  readonly participant: NodeProcess;
  readonly target: Target<unknown>;
  readonly beside: Target<unknown>;
  readonly notesFile: string;
}

/**
 * Writes to a resource, and to another beside it, while participant, coordinator and the resource's
 * server are killed at random. At the end both hold what was decided, as their own clients read them.
 */
export async function runResourceKills(options: ResourceRunOptions): Promise<ResourceRunResult> {
  const parts = new InReverse();
  try {
    const places = await startPlaces(parts, options);
    const kills = await killAtRandom(places, options);
    const resolved = await untilAtRest(places);
    return { kills, resolved, ...(await compare(places, options)) };
  } finally {
    await parts[Symbol.asyncDispose]();
  }
}

async function startPlaces(parts: InReverse, options: ResourceRunOptions): Promise<Places> {
  const { resource, beside: other, transactions } = options;
  const dir = parts.use(tempDir());
  const target = await resource.start(parts, dir);
  const beside = await other.start(parts, dir);
  const coordinator = parts.use(await CoordinatorProcess.launch({ dataDir: dir.file('log') }));
  const notesFile = dir.file('notes');
  const settings = {
    ...{ coordinator: coordinator.address, notesFile, transactions, writers: 6 },
    target: { module: resource.module, settings: target.settings },
    beside: { module: other.module, settings: beside.settings },
  };
  const program = fileURLToPath(new URL('../services/writer-process.ts', import.meta.url));
  const participant = parts.use(
    new NodeProcess({
      name: 'the participant',
      args: ['--conditions=@unanimous/source', '--import', 'tsx', program],
      env: writerEnv(settings),
      readyLine: 'ready',
      logFile: dir.file('participant.log'),
    }),
  );
  await participant.start();
  return { coordinator, participant, target, beside, notesFile };
}

async function killAtRandom(places: Places, options: ResourceRunOptions) {
  const { transactions, perKill, seed, say } = options;
  const { coordinator, participant, target, notesFile } = places;
  const random = seededRandom(seed);
  const kills = { participant: 0, coordinator: 0, server: 0 };
  const hit = { participant, coordinator, server: target.server };
  const draw = lots(random, target.server !== undefined);
  const started = () => notesOf(notesFile).filter(([is]) => is === 'start').length;
  const untilStarted = (count: number) =>
    waitUntil(() => started() >= count, {
      what: `${count} transactions to begin`,
      timeoutMs: 60_000,
      intervalMs: 4,
    });
  for (;;) {
    const next = started() + Math.ceil((0.5 + random()) * perKill);
    if (next > transactions) break;
    await untilStarted(next);
    await delay(random() * 40); // some of what has begun is under way
    const whom = draw();
    await Promise.all(whom.map(async (one) => hit[one]?.kill9()));
    for (const one of whom) kills[one] += 1;
    await delay(random() * 200);
    await Promise.all(whom.map((one) => startAgain(hit[one])));
    say(`${started()} of ${transactions}: ${whom.join(' and ')} killed`);
  }
  const isDone = () => notesOf(notesFile).some(([is]) => is === 'done');
  await waitUntil(isDone, { what: 'the participant to be done', timeoutMs: 60_000 });
  return kills;
}

/** Draws who is killed next: sometimes two at once, and everybody before anybody comes again. */
function lots(random: Random, hasServer: boolean): () => Victim[] {
  let left: Victim[] = [];
  const one = (): Victim => {
    if (left.length === 0) left = victims.filter((victim) => victim !== 'server' || hasServer);
    const [drawn] = left.splice(Math.floor(random() * left.length), 1) as [Victim];
    return drawn;
  };
  return () => [...new Set(random() < 0.2 ? [one(), one()] : [one()])];
}

/** A participant can't start while its coordinator is down: then once more. */
async function startAgain(hit: NodeProcess | Target<unknown>['server']): Promise<void> {
  let failure: unknown;
  const start = async () => {
    try {
      await (hit instanceof NodeProcess ? hit.start() : hit?.restart());
      return true;
    } catch (error) {
      failure = error;
      return false;
    }
  };
  try {
    await waitUntil(start, { what: 'a start', timeoutMs: 60_000, intervalMs: 100 });
  } catch {
    throw failure;
  }
}

function notesOf(notesFile: string): string[][] {
  const text = existsSync(notesFile) ? readFileSync(notesFile, 'utf8') : '';
  return text.split('\n').map((line) => line.split(' '));
}

/** Waits until nothing is open and nothing prepared; answers how much an operator had to look up. */
async function untilAtRest({ coordinator, participant, target, beside }: Places): Promise<number> {
  using admin = new Admin(coordinator.address);
  const holds = async (gid: string) => (await target.read()).some((found) => found.gid === gid);
  const operator = new Operator({ admin, rm: 'target', holds });
  let left = '';
  const isAtRest = async () => {
    const open = await admin.list();
    const prepared = [
      ...((await target.prepared?.()) ?? []),
      ...((await beside.prepared?.()) ?? []),
    ];
    left = JSON.stringify({ open, prepared });
    await operator.look(open);
    return open.length === 0 && prepared.length === 0;
  };
  try {
    await waitUntil(isAtRest, { what: 'all to be over', timeoutMs: 60_000, intervalMs: 300 });
  } catch (cause) {
    throw new Error(`not at rest: ${left}\n${participant.said().slice(-4_000)}`, { cause });
  }
  return operator.resolvedCount;
}

/** Compares both with what the coordinator has decided, and with what the process was told. */
async function compare(places: Places, { resource, beside }: ResourceRunOptions) {
  const notes = notesOf(places.notesFile);
  const decided = await decisions(places.coordinator.address, notes);
  const hit = verdictOn(decided, await places.target.read(), resource.promised);
  const both = decided.filter(({ n }) => !isAlone(n));
  const aside = verdictOn(both, await places.beside.read(), beside.promised);
  const name = (title: string) => (violation: string) => `${title}: ${violation}`;
  const begun = notes.filter(([is]) => is === 'start').length;
  const committed = decided.filter(({ outcome }) => outcome === 'committed').length;
  return {
    committed,
    aborted: begun - committed,
    untold: begun - notes.filter(([is]) => is === 'committed' || is === 'aborted').length,
    repeats: hit.repeats,
    violations: [
      ...wordViolations(decided),
      ...hit.violations.map(name(resource.title)),
      ...aside.violations.map(name(beside.title)),
    ],
  };
}

/** What the coordinator says of each transaction now, and when its process heard what of it. */
async function decisions(address: string, notes: readonly string[][]): Promise<Decided[]> {
  const at = (words: readonly string[], n: string | undefined) =>
    notes.findIndex(([is = '', number]) => number === n && words.includes(is));
  const tm = new TransactionClient(address);
  const decided: Decided[] = [];
  try {
    for (const [is, n, gid = ''] of notes) {
      if (is !== 'gid') continue;
      const { outcome } = await tm.outcome(gid);
      const toldAt = at(['committed', 'aborted', 'unknown'], n);
      const told = toldAt < 0 ? {} : { toldAt, told: notes[toldAt]?.[0] ?? '' };
      decided.push({ n: Number(n), gid, outcome, startedAt: at(['start'], n), ...told });
    }
  } finally {
    await tm.close();
  }
  return decided;
}
