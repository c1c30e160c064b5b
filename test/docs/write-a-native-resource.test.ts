import { spawnSync } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { sourceArgv } from '../participant-sdk/support/source-argv.ts';
import { PageFolder } from './pages-as-files.ts';

// The blocks of the page are files, named in their first line. They are run as they stand.

const page = new PageFolder('write-a-native-resource');
afterAll(() => page.remove());

test('the spool of the page passes the kit', () => {
  const args = [...sourceArgv, '--test-reporter=tap', page.file('prove-it.ts')];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^ok \d+ - a branch that an operator committed is told apart/m);
  expect(stdout).toMatch(/^ok \d+ - killed while it prepares: what voted is found/m);
}, 120_000);
