import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { processesOf, sharedMemoryOf } from './leftovers.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { serverOrSkip } from './require-server.ts';

const needed = serverOrSkip('postgres');

async function query(url: string, ...statements: readonly string[]) {
  const client = new Client({ connectionString: url });
  client.on('error', () => {}); // the server is killed under it
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

needed.describe('a Postgres server of our own', () => {
  let postgres: PostgresServer;

  beforeEach(async () => {
    postgres = await startPostgres();
  });
  afterEach(() => postgres.stop());

  const prepare = (gid: string, value: number) => [
    'CREATE TABLE IF NOT EXISTS t (a int)',
    'BEGIN',
    `INSERT INTO t VALUES (${value})`,
    `PREPARE TRANSACTION '${gid}'`,
  ];

  test('a prepared transaction survives kill -9 and a restart, and can be committed', async () => {
    const url = await postgres.createDatabase('orders "eu"');
    await query(url, ...prepare('g1', 7));
    await postgres.kill9();
    await expect(query(url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    await postgres.restart();
    expect(await query(url, 'SELECT gid FROM pg_prepared_xacts')).toEqual([{ gid: 'g1' }]);
    expect(await query(url, "COMMIT PREPARED 'g1'", 'SELECT a FROM t')).toEqual([{ a: 7 }]);
  });

  test('starts again at once after kill -9 although a backend was busy', async () => {
    const busy = query(postgres.url(), 'DO $$ BEGIN LOOP NULL; END LOOP; END $$').catch(
      () => 'cut',
    );
    const active = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'`;
    const isBusy = async () => (await query(postgres.url(), active)).length === 1;
    await waitUntil(isBusy, { what: 'the endless loop to run' });
    await postgres.kill9();
    expect(await busy).toBe('cut');
    await postgres.restart();
    expect(await query(postgres.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('an immediate stop keeps what was prepared', async () => {
    await query(postgres.url(), ...prepare('g2', 8));
    await postgres.stopImmediate();
    await postgres.restart();
    const rows = await query(postgres.url(), "COMMIT PREPARED 'g2'", 'SELECT a FROM t');
    expect(rows).toEqual([{ a: 8 }]);
  });

  test('restart stops a running server first, and keeps the port', async () => {
    const { port, pid } = postgres;
    await postgres.restart();
    expect(postgres.port).toBe(port);
    expect(postgres.pid).not.toBe(pid);
  });

  test('stop leaves no file, no process and no shared memory, even after a last kill -9', async () => {
    const { dataFolder } = postgres;
    const firstPid = postgres.pid;
    await postgres.kill9();
    await postgres.stop();
    expect(existsSync(dirname(dataFolder))).toBe(false);
    expect(processesOf(dataFolder)).toEqual([]);
    expect(sharedMemoryOf(firstPid)).toEqual([]);
    await postgres.stop(); // idempotent
  });
});

needed.test('settings reach the server', async () => {
  await using postgres = await startPostgres({
    maxPreparedTransactions: 3,
    settings: { max_connections: 17 },
  });
  const rows = await query(
    postgres.url(),
    "SELECT current_setting('max_prepared_transactions') || '/' || current_setting('max_connections') AS both",
  );
  expect(rows).toEqual([{ both: '3/17' }]);
});

needed.test('nothing is left behind when the process that started it is killed', async () => {
  const source = new URL('../../examples/support/postgres-server.ts', import.meta.url).href;
  const code = `
    const { startPostgres } = await import(${JSON.stringify(source)});
    const postgres = await startPostgres();
    console.log(postgres.dataFolder);
    process.kill(process.pid, 'SIGKILL');`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let dataFolder = '';
  for await (const chunk of child.stdout) dataFolder += String(chunk);
  dataFolder = dataFolder.trim();
  expect(dataFolder).toMatch(/unanimous-pg-/);
  await waitUntil(() => !existsSync(dirname(dataFolder)), { what: 'the folder to be removed' });
  expect(processesOf(dataFolder)).toEqual([]);
});
