import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type Service, serve } from '@unanimous/coordinator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typescriptBlocks } from './snippets.ts';

// The blocks of these pages are files, named in their first line.

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const pages = ['write-a-resource', 'postgres', 'mysql', 'sqlite-queue', 'rabbitmq'];
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
  const blocks = pages.flatMap((page) => typescriptBlocks(`docs/${page}.md`));
  expect(stdout.split('\n').filter((path) => path.startsWith(folder))).toHaveLength(blocks.length);
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
