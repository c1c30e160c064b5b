import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);
const schema = fileURLToPath(new URL('schema.prisma', import.meta.url));
// Inside the repository, where the client's imports find Prisma's runtime.
const cache = fileURLToPath(new URL('../../../../.cache', import.meta.url));

/** A raw query of Prisma's runs when it is awaited. */
type PrismaPromise<T> = PromiseLike<T>;

/** The generated client, as far as the tests use it. */
export interface PrismaStatements {
  readonly dish: {
    create(options: { data: { id: number; name: string } }): PrismaPromise<unknown>;
    update(options: { where: { id: number }; data: { name: string } }): PrismaPromise<unknown>;
    findMany(options: { orderBy: { id: 'asc' } }): PrismaPromise<{ name: string }[]>;
  };
  $executeRawUnsafe(sql: string): PrismaPromise<number>;
  $queryRawUnsafe<T>(sql: string): PrismaPromise<T>;
}

export interface PrismaClient extends PrismaStatements {
  $transaction<T>(
    work: (tx: PrismaStatements) => Promise<T>,
    options?: { isolationLevel?: 'ReadCommitted' | 'Serializable' },
  ): Promise<T>;
  $transaction(statements: readonly PrismaPromise<unknown>[]): Promise<unknown[]>;
  $disconnect(): Promise<void>;
}

type PrismaClientClass = new (options: { adapter: object }) => PrismaClient;

/** The class of the generated client. */
export async function prismaClientClass(): Promise<PrismaClientClass> {
  const module = await import(pathToFileURL(join(await prismaClientFolder(), 'client.ts')).href);
  return module.PrismaClient as PrismaClientClass;
}

/** Where the client of schema.prisma is, generated when there is none yet; needs no network. */
export async function prismaClientFolder(): Promise<string> {
  const { version } = require('prisma/package.json') as { version: string };
  const text = readFileSync(schema, 'utf8');
  const key = createHash('sha256').update(`${version} ${text}`).digest('hex').slice(0, 16);
  const folder = join(cache, `prisma-client-${key}`);
  if (!existsSync(folder)) await generate(folder);
  return join(folder, 'client');
}

async function generate(folder: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, 'prisma-fresh-'));
  cpSync(schema, join(fresh, 'schema.prisma'));
  const prisma = require.resolve('prisma/build/index.js');
  // It looks for its schema engine, which generating does not use, and would download it.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' };
  await promisify(execFile)(process.execPath, [prisma, 'generate'], { cwd: fresh, env });
  try {
    renameSync(fresh, folder);
  } catch (error) {
    // Somebody else has made it meanwhile.
    if (!existsSync(folder)) throw error;
    rmSync(fresh, { recursive: true });
  }
}
