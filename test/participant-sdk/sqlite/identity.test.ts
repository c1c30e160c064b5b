import { spawnSync } from 'node:child_process';
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { sqlite } from '../../../participant-sdk/src/sqlite/index.ts';
import { SqliteFixture } from './sqlite-fixture.ts';

const unknown = { result: 'unknown', reason: { code: 'heuristic' } };

test('one process at a time serves a file', async () => {
  await using fixture = new SqliteFixture();
  await fixture.serve();
  const there = `const Database = require('better-sqlite3');
    const database = new Database(process.argv[1], { timeout: 0 });
    try { database.exec('begin immediate'); console.log('mine'); } catch (e) { console.log(e.code) }`;
  const other = () =>
    spawnSync(process.execPath, ['-e', there, fixture.sidecar], { encoding: 'utf8' }).stdout.trim();
  expect(other()).toBe('SQLITE_BUSY');
});

test('a process that finds a file served says so', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  await app.close();
  const other = new Database(fixture.sidecar);
  other.exec('begin immediate'); // as the process that serves it would
  await expect(fixture.serve({ waitMs: 20 })).rejects.toMatchObject({
    code: 'rm-unavailable',
    message: expect.stringContaining('is served by another process'),
  });
  other.close();
});

test('a copy that takes the place of the file is noticed at once, and is another incarnation', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const { identity, incarnation } = await app.open();
  await app.run(`insert into notes (text) values ('before')`);
  const transaction = await fixture.prepared(app);
  copyFileSync(fixture.file, fixture.path('copy'));
  renameSync(fixture.path('copy'), fixture.file);
  const mismatch = { code: 'rm-identity-mismatch' };
  await expect(app.scan()).rejects.toMatchObject(mismatch);
  await expect(transaction.commit()).rejects.toMatchObject(mismatch);
  await expect(app.run('delete from notes')).rejects.toMatchObject(mismatch);
  const now = await app.open();
  expect(now.identity).toBe(identity);
  expect(now.incarnation).not.toBe(incarnation);
  expect(await transaction.commit()).toMatchObject([unknown]);
  expect(fixture.texts()).not.toContain('kept');
});

test('a file that has gone back in time, in its place, is another incarnation', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const { incarnation } = await app.open();
  await app.close();
  copyFileSync(fixture.file, fixture.path('backup'));
  const again = await fixture.serve();
  expect(await again.open()).toMatchObject({ incarnation });
  await (await fixture.prepared(again)).commit();
  const transaction = await fixture.prepared(again, 'lost');
  await again.close();
  for (const end of ['-wal', '-shm']) rmSync(`${fixture.file}${end}`, { force: true });
  copyFileSync(fixture.path('backup'), fixture.file); // the same inode
  const restored = await fixture.serve();
  expect((await restored.open()).incarnation).not.toBe(incarnation);
  const [id, decided] = [transaction.id(again), transaction.decided(again)];
  expect(await restored.commit(id, decided)).toMatchObject(unknown);
  expect(fixture.texts()).toEqual([]);
});

test('without its sidecar a file is another incarnation, and what was prepared is no success', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const { incarnation } = await app.open();
  const transaction = await fixture.prepared(app);
  await app.close();
  rmSync(fixture.sidecar);
  const again = await fixture.serve();
  expect((await again.open()).incarnation).not.toBe(incarnation);
  expect(await again.commit(transaction.id(app), transaction.decided(app))).toMatchObject(unknown);
});

test('a file that is missing, or another one, beside a sidecar is refused', async () => {
  await using fixture = new SqliteFixture();
  await (await fixture.serve()).close();
  renameSync(fixture.file, fixture.path('away'));
  await expect(fixture.serve()).rejects.toMatchObject({
    code: 'rm-unavailable',
    message: expect.stringContaining('is missing'),
  });
  fixture.other((database) => database.exec('create table notes (id integer, text text)'));
  await expect(fixture.serve()).rejects.toMatchObject({ code: 'rm-identity-mismatch' });
  expect(fixture.texts()).toEqual([]);
});

test('a folder that is missing is told so', async () => {
  await using fixture = new SqliteFixture();
  await expect(fixture.serve({ file: fixture.path('none/app.db') })).rejects.toMatchObject({
    code: 'rm-unavailable',
    hint: expect.stringContaining('Make the folder'),
  });
});

test('what is closed while it opens lets the file go', async () => {
  await using fixture = new SqliteFixture();
  const app = sqlite({ rm: 'app-db', file: fixture.file, Database });
  const other = new Database(fixture.sidecar);
  other.exec('begin immediate'); // makes it wait
  const opening = app.open();
  await app.close();
  other.close();
  await expect(opening).rejects.toMatchObject({ code: 'closed' });
  await fixture.serve(); // nobody has the sidecar
});
