import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { serve } from '@unanimous/coordinator';
import { TransactionClient } from '@unanimous/participant-sdk';
import { sqlite } from '@unanimous/participant-sdk/sqlite';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { sourceArgv } from '../support/source-argv.ts';
import { SqliteFixture } from './sqlite-fixture.ts';

const child = fileURLToPath(new URL('crash-child.ts', import.meta.url));

test('a file and a queue agree, at whichever step their service is killed', async () => {
  await using fixture = new SqliteFixture();
  const queue = fixture.path('queue.db');
  const coordinator = await serve({ dataDir: fixture.path('log'), listen: '127.0.0.1:0' });
  for (const point of [
    ['commit', 'before'], // the redo is being written
    ['commit', 'after'], // the redo is on the disk, and nobody has heard the vote
    ['COMMIT', 'before'], // the decision is there
    ['COMMIT', 'after'], // the work is on the disk, and its redo, too
  ]) {
    const args = [...sourceArgv, child, coordinator.address, fixture.file, queue, ...point];
    const { signal, out } = await new Promise<{ signal: unknown; out: string }>((resolve) => {
      execFile(process.execPath, args, { timeout: 30_000 }, (error, stdout, stderr) =>
        resolve({ signal: error?.signal, out: stdout + stderr }),
      );
    });
    expect([signal, out]).toEqual(['SIGKILL', 'committed\n']);
  }
  const tm = new TransactionClient(coordinator.address);
  const { file } = fixture;
  const app = await tm.serve(sqlite({ rm: 'app-db', file, Database, waitMs: 10_000 }));
  const events = await tm.serve(sqliteQueue({ rm: 'events', file: queue, Database }));
  await app.run(`insert into notes (id, text) values (99, 'last')`); // once nothing is in doubt
  await waitUntil(async () => (await events.scan()).length === 0, { what: 'the queue to settle' });
  const notes = await app.all<{ id: number }>('select id from notes where id < 99 order by id');
  const published = fixture.other(
    (database) => database.prepare('select body from unanimous_messages').pluck().all(),
    queue,
  );
  expect(published.map(Number).toSorted((a, b) => a - b)).toEqual(notes.map(({ id }) => id));
  expect(notes.length).toBeGreaterThanOrEqual(6); // four at once, and two of which the votes were in
  await tm.close();
  await coordinator.close();
}, 90_000);
