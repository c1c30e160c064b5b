import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ThreadForcer } from '../../../../coordinator/src/log/sqlite/thread-forcer.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { waitUntil } from '../../../support/wait-until.ts';

let dir: TempDir;
let forcer: ThreadForcer;

beforeEach(() => {
  dir = tempDir();
  forcer = new ThreadForcer();
});

afterEach(() => {
  forcer.close();
  dir.remove();
});

/** Forces a file, and says how that failed. */
function failureOf(file: number): (Error & { code?: string }) | undefined {
  forcer.begin(file);
  try {
    forcer.finish();
  } catch (error) {
    return error as Error;
  }
  return undefined;
}

/** No such file; who says so tells who has forced it. */
const noFile = 1_000_000;
const isThread = () => failureOf(noFile)?.message.includes('of the mirror') === true;

test('forces from its first moment on, before its thread runs, and says what went wrong', () => {
  expect(failureOf(noFile)).toMatchObject({ code: 'EBADF' });
  const file = openSync(dir.file('one'), 'w+');
  writeSync(file, 'one');
  expect(failureOf(file)).toBeUndefined();
  closeSync(file);
});

test('its thread forces, and each failure is told at the call that it belongs to', async () => {
  await waitUntil(isThread, { what: 'the thread', timeoutMs: 20_000 });
  const file = openSync(dir.file('one'), 'w+');
  for (let n = 0; n < 20; n += 1) {
    writeSync(file, '.');
    expect(failureOf(file)).toBeUndefined();
    expect(failureOf(noFile)).toMatchObject({ code: 'EBADF' });
  }
  expect(readFileSync(dir.file('one'), 'utf8')).toBe('.'.repeat(20));
  closeSync(file);
});

test('finish without anything begun returns', async () => {
  forcer.finish();
  await waitUntil(isThread, { what: 'the thread', timeoutMs: 20_000 });
  const file = openSync(dir.file('one'), 'w+');
  expect(failureOf(file)).toBeUndefined();
  forcer.finish();
  closeSync(file);
});
