import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TransactionClient } from '@unanimous/participant-sdk';
import pg from 'pg';
import { Admin } from '../../integration/support/admin.ts';
import { CoordinatorProcess } from '../../integration/support/coordinator-process.ts';
import { InReverse } from '../../integration/support/in-reverse.ts';
import { NodeProcess } from '../../integration/support/node-process.ts';
import { type MariadbServer, startMariadb } from '../../servers/mariadb.ts';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ledgerEnv } from './ledger-settings.ts';
import { seededRandom } from './nemesis.ts';

/** What a run is to do. */
export interface MariadbRunOptions {
  /** Transactions to try. */
  readonly entries: number;
  /** Least number of kills; they go on while entries are written. */
  readonly kills: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

/** What a run came to. */
export interface MariadbRunResult {
  readonly kills: ReadonlyMap<string, number>;
  readonly committed: number;
  readonly aborted: number;
  /** Begun, and its process was killed before it was told. */
  readonly untold: number;
  readonly violations: readonly string[];
}

interface Places {
  readonly coordinator: CoordinatorProcess;
  readonly service: NodeProcess;
  readonly mariadb: MariadbServer;
  readonly postgres: PostgresServer;
  readonly url: string;
  readonly notesFile: string;
}

/**
 * Writes entries to MariaDB and Postgres while the service, the coordinator and MariaDB are killed at
 * random; at the end both tables hold what was decided, as their own clients read them.
 */
export async function runMariadbKills(options: MariadbRunOptions): Promise<MariadbRunResult> {
  const parts = new InReverse();
  try {
    const places = await startPlaces(parts, options);
    const kills = await killAtRandom(places, options);
    await untilAtRest(places);
    return { kills, ...(await compare(places)) };
  } finally {
    await parts[Symbol.asyncDispose]();
  }
}

async function startPlaces(parts: InReverse, { entries }: MariadbRunOptions): Promise<Places> {
  const dir = parts.use(tempDir());
  const mariadb = parts.use(await startMariadb({ settings: { log_bin: 'binlog' } }));
  mariadb.client(`CREATE DATABASE ledger;
    CREATE TABLE ledger.entries (id int PRIMARY KEY, gid varchar(64)) ENGINE=InnoDB`);
  const postgres = parts.use(await startPostgres());
  const url = await postgres.createDatabase('mirror');
  await inPostgres(url, 'CREATE TABLE entries (id int PRIMARY KEY, gid text)');
  const coordinator = parts.use(await CoordinatorProcess.launch({ dataDir: dir.file('log') }));
  const notesFile = dir.file('notes');
  const settings = {
    ...{ coordinator: coordinator.address, postgresUrl: url, notesFile, entries, writers: 6 },
    mariadb: mariadb.options('ledger'),
  };
  const program = fileURLToPath(new URL('../services/ledger-process.ts', import.meta.url));
  const service = parts.use(
    new NodeProcess({
      name: 'the ledger',
      args: ['--conditions=@unanimous/source', '--import', 'tsx', program],
      env: ledgerEnv(settings),
      readyLine: 'ready',
      logFile: dir.file('service.log'),
    }),
  );
  await service.start();
  return { coordinator, service, mariadb, postgres, url, notesFile };
}

async function killAtRandom(places: Places, { entries, kills, seed, say }: MariadbRunOptions) {
  const random = seededRandom(seed);
  const count = new Map<string, number>();
  const { coordinator, service, mariadb, notesFile } = places;
  const acts: Record<string, () => Promise<void>> = {
    service: () => service.kill9(),
    coordinator: () => coordinator.kill9(),
    mariadb: () => mariadb.kill9(),
  };
  const again = (start: () => Promise<void>) =>
    waitUntil(
      () =>
        start().then(
          () => true,
          () => false,
        ),
      { what: 'a start', timeoutMs: 60_000, intervalMs: 100 },
    );
  let struck = 0;
  while (startedOf(notesFile) < entries || struck < kills) {
    await delay(random() * 900);
    const draw = random();
    const whom = draw < 0.45 ? 'service' : draw < 0.7 ? 'coordinator' : 'mariadb';
    await acts[whom]?.();
    count.set(whom, (count.get(whom) ?? 0) + 1);
    struck += 1;
    await delay(random() * 300);
    if (whom === 'mariadb') await mariadb.restart();
    else if (whom === 'coordinator') await again(() => coordinator.start());
    else await again(() => service.start());
    if (struck % 10 === 0) say(`${struck} kills, ${startedOf(notesFile)} of ${entries} entries`);
  }
  return count;
}

const startedOf = (notesFile: string) =>
  readNotes(notesFile).filter(([is]) => is === 'start').length;

function readNotes(notesFile: string): string[][] {
  const text = existsSync(notesFile) ? readFileSync(notesFile, 'utf8') : '';
  return text.split('\n').map((line) => line.split(' '));
}

async function untilAtRest({
  coordinator,
  service,
  mariadb,
  url,
  notesFile,
}: Places): Promise<void> {
  using admin = new Admin(coordinator.address);
  let left = '';
  const isAtRest = async () => {
    const open = await admin.list();
    const prepared = mariadb.client('XA RECOVER');
    const mirrored = await inPostgres(url, 'SELECT gid FROM pg_prepared_xacts');
    const notes = readNotes(notesFile);
    const told = new Set(
      notes.filter(([is]) => is !== 'start' && is !== 'gid').map(([, id]) => id),
    );
    left = JSON.stringify({ open, prepared, mirrored, told: told.size });
    return open.length === 0 && prepared === '' && mirrored.length === 0;
  };
  try {
    await waitUntil(isAtRest, { what: 'all to be over', timeoutMs: 60_000, intervalMs: 300 });
  } catch (cause) {
    throw new Error(`not at rest: ${left}\n${service.said().slice(-4_000)}`, { cause });
  }
}

/** Compares both tables with what the coordinator has decided and with what the service was told. */
async function compare({ coordinator, mariadb, url, notesFile }: Places) {
  const read = (text: string) =>
    new Map(text.split('\n').map((line) => line.split('\t') as [string, string]));
  const ledger = read(mariadb.client('SELECT id, gid FROM entries', 'ledger').trimEnd());
  const rows = await inPostgres(url, 'SELECT id, gid FROM entries');
  const mirror = new Map(rows.map(({ id, gid }) => [String(id), String(gid)]));
  const notes = readNotes(notesFile);
  const told = new Map(
    notes.filter(([is]) => is === 'committed' || is === 'aborted').map(([is, id]) => [id, is]),
  );
  const gids = new Map(notes.filter(([is]) => is === 'gid').map(([, id, gid]) => [id, gid]));
  const violations: string[] = [];
  const tm = new TransactionClient(coordinator.address);
  try {
    for (const [id = '', gid = ''] of gids) {
      const { outcome } = await tm.outcome(gid);
      const found = [ledger.get(id), mirror.get(id)];
      const expected = outcome === 'committed' ? gid : undefined;
      const isSolo = Number(id) % 8 === 0;
      const isSo = found[0] === expected && (isSolo || found[1] === expected);
      if (!isSo || (outcome !== 'committed' && outcome !== 'aborted')) {
        violations.push(`${id}: ${gid} is ${outcome}, and was written by ${found.join(' and ')}`);
      }
      const word = told.get(id);
      if (word && word !== outcome) violations.push(`${id}: was told ${word}, is ${outcome}`);
    }
  } finally {
    await tm.close();
  }
  for (const id of [...ledger.keys(), ...mirror.keys()]) {
    if (id !== '' && !gids.has(id)) violations.push(`${id}: nobody has written it`);
  }
  const toldOf = (is: string) => [...told.values()].filter((word) => word === is).length;
  const [committed, aborted] = [toldOf('committed'), toldOf('aborted')];
  return { committed, aborted, untold: startedOf(notesFile) - committed - aborted, violations };
}

async function inPostgres(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows ?? [];
  } finally {
    await client.end();
  }
}
