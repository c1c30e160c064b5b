import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { formatGid, type LogId } from '@unanimous/proto';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { BranchId } from '@unanimous/proto';
import { QueueFixture } from './queue-fixture.ts';

const child = fileURLToPath(new URL('crash-child.ts', import.meta.url));

/** Runs the child until it kills itself; the lines that it wrote. */
function crash(file: string, point: string): string[] {
  const args = ['--conditions=@unanimous/source', '--import', 'tsx', child, file, point];
  const { stdout, stderr, signal } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(signal, stderr).toBe('SIGKILL');
  return stdout.trim().split('\n');
}

const logId = '4f1c9a7be203' as LogId;
const branch: BranchId = {
  gid: formatGid(logId, { epoch: 1, counter: 1 }),
  branch: 1,
  rm: 'events',
  incarnation: '1',
};
const decided = { receipt: '', redo: new Uint8Array(), epoch: 1, seq: 1, lowWaterSeq: 0 };

/** What a process that starts after the crash finds, before any phase two. */
async function afterCrash(point: string) {
  const fixture = new QueueFixture();
  const lines = crash(fixture.file, point);
  const queue = await fixture.writer();
  const reader = await fixture.reader();
  const prepared = await queue.scan();
  const visible = await reader.receive({ topic: 't', max: 9, visibilityMs: 1 });
  fixture.nowMs += 1_000;
  return { fixture, lines, queue, reader, prepared, visible };
}

test.each(['staged', 'prepare: written'])(
  'a crash when %s leaves nothing: the vote was never given',
  async (point) => {
    const { fixture, lines, queue, prepared, visible } = await afterCrash(point);
    await using _ = fixture;
    expect(lines).not.toContain('voted');
    expect(prepared).toEqual([]);
    expect(visible).toEqual([]);
    expect(await queue.abort(branch, '')).toEqual({ result: 'rolled-back' });
  },
  20_000,
);

test.each(['prepare: on disk', 'voted', 'commit: written'])(
  'a crash when %s keeps the branch: it can commit and it can abort',
  async (point) => {
    for (const outcome of ['committed', 'rolled-back'] as const) {
      const { fixture, queue, reader, prepared, visible } = await afterCrash(point);
      await using _ = fixture;
      expect(prepared).toEqual([branch]);
      expect(visible).toEqual([]);
      const finished =
        outcome === 'committed' ? queue.commit(branch, decided) : queue.abort(branch, '');
      expect(await finished).toEqual({ result: outcome });
      const bodies = (await reader.receive({ topic: 't', max: 9 })).map(({ body }) => body);
      expect(bodies).toEqual(outcome === 'committed' ? [1, 2, 3] : []);
    }
  },
  40_000,
);

test.each(['commit: on disk', 'acknowledged'])(
  'a crash when %s loses no message, and the repeated commit adds none',
  async (point) => {
    const { fixture, queue, reader, prepared, visible } = await afterCrash(point);
    await using _ = fixture;
    expect(prepared).toEqual([]);
    expect(visible.map(({ body }) => body)).toEqual([1, 2, 3]);
    expect(await queue.commit(branch, decided)).toEqual({ result: 'committed' });
    expect(await queue.abort(branch, '')).toEqual({ result: 'committed' });
    expect(await reader.receive({ topic: 't', max: 9 })).toHaveLength(3);
    const database = new Database(fixture.file);
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    database.close();
  },
  20_000,
);
