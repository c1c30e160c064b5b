import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type Service, serve } from '@unanimous/coordinator';
import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prismaClientFolder } from '../participant-sdk/postgres/builders/prisma-client.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { typescriptBlocks } from './snippets.ts';

// The blocks of these pages are files, named in their first line.

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const pages = [
  'write-a-resource',
  'write-a-native-resource',
  'postgres',
  'mysql',
  'sqlite',
  'sqlite-queue',
  'rabbitmq',
  'redis',
  'nats',
  'search',
  'services',
  'kafka',
];
let folder: string;
let coordinator: Service;

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache/resource-pages-')); // where imports find the packages
  coordinator = await serve({ dataDir: join(folder, 'log'), listen: '127.0.0.1:0' });
  for (const page of pages) {
    mkdirSync(join(folder, page));
    for (const block of typescriptBlocks(`docs/${page}.md`)) {
      const name = /^\/\/ ([a-z-]+\.ts)\n/.exec(block)?.[1] ?? 'unnamed.ts';
      writeFileSync(join(folder, page, name), block.replace('localhost:7411', coordinator.address));
    }
  }
  cpSync(await prismaClientFolder(), join(folder, 'postgres/generated'), { recursive: true });
});

afterAll(async () => {
  await coordinator?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('every block has its own name and compiles under strict settings', async () => {
  const compilerOptions = { noEmit: true, composite: false, incremental: false };
  const config = { extends: '../../tsconfig.base.json', compilerOptions, include: ['**/*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { stdout } = await run(tsc, ['-p', folder, '--listFilesOnly']);
  const isBlock = (path: string) => path.startsWith(folder) && !path.includes('/generated/');
  const blocks = pages.flatMap((page) => typescriptBlocks(`docs/${page}.md`));
  expect(stdout.split('\n').filter(isBlock)).toHaveLength(blocks.length);
  const errors = await run(tsc, ['-p', folder]).then(
    () => '',
    (error: { readonly stdout: string }) => error.stdout,
  );
  expect(errors).toBe('');
}, 60_000);

test('the queue’s page publishes and consumes', async () => {
  const cwd = join(folder, 'sqlite-queue');
  const node = (file: string) =>
    run(process.execPath, ['--conditions=@unanimous/source', '--import', tsx, file, '--once'], {
      cwd,
      timeout: 20_000,
    });
  await node('publish.ts');
  const { stdout } = await node('consume.ts');
  expect(stdout).toMatch(/^[0-9a-f]{12}-\d+-\d+\/1\/0 o-1\n$/);
}, 60_000);

test('the page of SQLite files writes, and reads it back', async () => {
  const args = ['--conditions=@unanimous/source', '--import', tsx, 'save.ts'];
  const { stdout } = await run(process.execPath, args, { cwd: join(folder, 'sqlite') });
  expect(stdout).toBe('ramen\n');
});

serverOrSkip('postgres').describe('the page of Postgres', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  test('every builder writes in one transaction, with the lines that are shown', async () => {
    const url = await server.createDatabase('shop');
    const cwd = join(folder, 'postgres');
    for (const file of readdirSync(cwd).filter((name) => name.endsWith('.ts'))) {
      const text = readFileSync(join(cwd, file), 'utf8');
      writeFileSync(join(cwd, file), text.replace('postgres://shop:secret@db.example/shop', url));
    }
    writeFileSync(join(cwd, 'main.mts'), allBuilders);
    const args = ['--conditions=@unanimous/source', '--import', tsx, 'main.mts'];
    const env = { ...process.env, DATABASE_URL: url };
    const { stdout } = await run(process.execPath, args, { cwd, env, timeout: 50_000 });
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      aborted: ['o-1'],
      committed: [
        ...['drizzle', 'drizzle-js', 'knex', 'kysely', 'o-1', 'postgres-js', 'prisma'],
        ...['sequelize', 'typeorm'],
      ],
      branches: 2,
    });
  }, 60_000);

  test('a transfer that is final is made once, whoever dies before its answer is written', async () => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase('transfers') });
    await pool.query('create table orders (id text primary key, cents int, state text not null)');
    const tm = await TransactionClient.embedded({ data: join(folder, 'transfers-log') });
    const { pool: served } = await tm.serve(
      postgres({ rm: 'orders-db', pg, connectionString: String(pool.options.connectionString) }),
    );
    const queueFile = join(folder, 'transfers.db');
    const events = await tm.serve(sqliteQueue({ rm: 'events', file: queueFile, Database }));
    const page = (await import(join(folder, 'services/transfer.ts'))) as TransferModule;
    const made = new Map<string, string>();
    let isLost = true;
    const transfers = page.transfers(tm, served, events, async (order: string, cents: number) => {
      made.set(order, made.get(order) ?? (cents > 100 ? 'refused' : 'done'));
      if (isLost) throw new Error('the answer was lost');
      return made.get(order);
    });
    const states = async () => (await pool.query('select id, state from orders order by id')).rows;

    await expect(transfers.place('o-1', 50)).rejects.toThrow('lost');
    await expect(transfers.place('o-2', 500)).rejects.toThrow('lost');
    expect((await states()).map(({ state }) => state)).toEqual(['to be paid', 'to be paid']);
    isLost = false;
    await Promise.all([transfers.settleAll(), transfers.settleAll()]);
    expect(await states()).toEqual([
      { id: 'o-1', state: 'done' },
      { id: 'o-2', state: 'refused' },
    ]);
    await tm.close();
    await pool.end();
    const queue = new Database(queueFile, { readonly: true });
    const topics = queue.prepare('select topic from unanimous_messages order by topic').pluck();
    expect(topics.all()).toEqual(['orders.done', 'orders.refused']);
    queue.close();
  }, 60_000);
});

interface TransferModule {
  transfers(...parts: unknown[]): {
    place(order: string, cents: number): Promise<void>;
    settleAll(): Promise<void>;
  };
}

const allBuilders = `
import pg from 'pg';
import { sql as raw } from 'drizzle-orm';
const setup = new pg.Client({ connectionString: process.env.DATABASE_URL });
await setup.connect();
await setup.query('create table orders (id text primary key)');
const ids = async () => (await setup.query('select id from orders order by id')).rows.map(({ id }) => id);
const { tm } = await import('./postgres.ts');
const kysely = (await import('./kysely.ts')).db;
const drizzle = (await import('./drizzle.ts')).db;
const { prisma } = await import('./prisma.ts');
const { source } = await import('./typeorm.ts');
const knex = (await import('./knex.ts')).db;
const sequelize = (await import('./sequelize.ts')).db;
const { sql, db: drizzleJs } = await import('./postgres-js.ts');
const writeAll = async () => {
  await kysely.insertInto('orders').values({ id: 'kysely' }).execute();
  await drizzle.execute(raw\`insert into orders values ('drizzle')\`);
  await prisma.order.create({ data: { id: 'prisma' } });
  await source.query("insert into orders values ('typeorm')");
  await knex('orders').insert({ id: 'knex' });
  await sequelize.query("insert into orders values ('sequelize')");
  await sql\`insert into orders \${sql([{ id: 'postgres-js' }])}\`;
  await drizzleJs.execute(raw\`insert into orders values ('drizzle-js')\`);
};
await tm.transaction(async () => {
  await writeAll();
  throw new Error('changed my mind');
}).catch(() => undefined);
const aborted = await ids();
let branches = 0;
await tm.transaction(async () => {
  await writeAll();
  const open = "select from pg_stat_activity where state = 'idle in transaction'";
  branches = (await setup.query(open)).rowCount;
});
console.log(JSON.stringify({ aborted, committed: await ids(), branches }));
process.exit(0);
`;
