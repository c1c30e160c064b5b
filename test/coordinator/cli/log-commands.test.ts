import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { flipBit, newestDatabase, openStore, type OpenStore } from '../log/sqlite/log-image.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { runHere, ServeProcess } from './cli-process.ts';

// A process from sources takes a second to start, and several on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

/** Not collected while their files are looked at: SQLite would tidy those up. */
const killed: OpenStore[] = [];

function mirroredLog(root: TempDir): { dir: string; mirror: string } {
  const dir = root.file('log');
  const mirror = root.file('mirror');
  const open = openStore(dir, { mirror });
  for (let n = 1; n <= 3; n += 1) open.decide(n);
  killed.push(open);
  return { dir, mirror };
}

test('log verify: 0 for what is whole, 3 for what the mirror repairs, 5 for damage', async () => {
  using root = tempDir();
  const { dir, mirror } = mirroredLog(root);
  const verify = ['log', 'verify', '--data', dir, '--mirror', mirror];
  const whole = await runHere(verify);
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  expect(whole.stdout).toMatch(/^records +6 records, 1 to 6 \(.*commit-decided 3\)$/m);
  expect(whole.stdout).toMatch(/^epochs +1, the last is 1$/m);
  expect(whole.stdout).toMatch(/^tip +record 6 of epoch 1, the last one$/m);
  expect(whole.stdout).toMatch(/^mirror +\/.*: whole, 6 records, 1 to 6$/m);
  expect(whole.stdout).toContain('\nwhole\nNothing is missing.');

  writeFileSync(mirror, flipBit(readFileSync(mirror), 100));
  const spoilt = await runHere([...verify, '--json']);
  expect(spoilt.code).toBe(3);
  expect(JSON.parse(spoilt.stdout)).toMatchObject({
    version: 1,
    log: { verdict: 'repairable', findings: ['the mirror was damaged'], tip: { seq: 6 } },
  });

  rmSync(`${newestDatabase(dir)}-wal`);
  const damaged = await runHere(['log', 'verify', '--data', dir]);
  expect(damaged).toMatchObject({ code: 5, stderr: '' });
  expect(damaged.stdout).toMatch(
    /\ndamaged\n {2}records \d to 6 are missing.*\nA start refuses it/,
  );
  expect(damaged.stdout).toMatch(/\nhint: .+\n$/);
});

test('log verify refuses a folder on which a coordinator runs: exit 5; after its stop it reads', async () => {
  using root = tempDir();
  const dir = root.file('log');
  const serve = await ServeProcess.start(dir);
  const { code, stdout, stderr } = await runHere(['log', 'verify', '--data', dir]);
  expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
  expect(stderr).toMatch(
    /^error\[log-locked\]: a coordinator runs on .+\nhint: Stop it first.+\n$/,
  );
  expect((await serve.stop('SIGTERM')).code).toBe(0);
  expect((await runHere(['log', 'verify', '--data', dir])).code).toBe(0);
});

test('log verify of no log: exit 2', async () => {
  using root = tempDir();
  const { code, stderr } = await runHere(['log', 'verify', '--data', root.path]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error\[invalid-argument\]: there is no log in .+\nhint: .+\n$/);
});
