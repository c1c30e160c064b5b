import { expect, test, vi } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { runCli, runHere } from './cli-process.ts';

// A process from sources takes a second to start, and several on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

test.each([
  ['nothing', []],
  ['an unknown command', ['lits']],
  ['an unknown option', ['list', '--nonsense']],
  ['too many arguments', ['list', 'x']],
  ['no gid', ['show']],
  ['no folder', ['serve']],
  ['no reason', ['resolve', 'x', '--branch', '1', '--as', 'committed']],
  ['a word that is none', ['resolve', 'x', '--branch', '1', '--as', 'fine', '--reason', 'x']],
  ['a number that is none', ['serve', '--data', 'x', '--max-open', 'many']],
  ['a limit of nothing', ['serve', '--data', 'DIR', '--listen', '127.0.0.1:0', '--max-open', '0']],
  ['an address that is none', ['serve', '--data', 'DIR', '--listen', 'here']],
  ['a network', ['serve', '--data', 'DIR', '--listen', '0.0.0.0:0']],
  ['half of TLS', ['serve', '--data', 'DIR', '--tls-cert', '/dev/null']],
  ['no such file', ['list', '--ca', '/no/such/file']],
  ['half of an identity', ['list', '--tls-cert', '/dev/null']],
])('%s: exit 2, and what to do', async (_what, args) => {
  using dir = tempDir();
  const given = args.map((arg) => (arg === 'DIR' ? dir.file('log') : arg));
  const { code, stdout, stderr } = await (given[0] === 'serve' ? runCli(given) : runHere(given));
  expect(code).toBe(2);
  expect(stdout).toBe('');
  if (args.length === 0) return expect(stderr).toContain('Usage: unanimous');
  expect(stderr).toMatch(/^error\[[a-z-]+\]: .+\nhint: .+\n$/);
  expect(stderr).not.toMatch(/\n {4}at /);
});

test('a misspelt command is told what it may have meant', async () => {
  const { stderr } = await runHere(['stats']);
  expect(stderr).toBe(
    "error[invalid-argument]: unknown command 'stats'\n" +
      'hint: Did you mean status? See unanimous --help.\n',
  );
});

test.each([['--help'], ['serve', '--help'], ['help', 'resolve'], ['--version']])(
  '%s %s: exit 0',
  async (...args) => {
    const { code, stdout, stderr } = await runHere(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: unanimous|^\d+\.\d+\.\d+\n$/);
  },
);

test('a coordinator that nobody serves: exit 4', async () => {
  for (const args of [['list'], ['show', 'x'], ['status']]) {
    const { code, stdout, stderr } = await runHere([...args, '--address', '127.0.0.1:1']);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(/^error\[unreachable\]: .+ECONNREFUSED.+\nhint: .+\n$/);
  }
});

test('the address may come from the environment', async () => {
  const { code, stderr } = await runCli(['status'], { UNANIMOUS_ADDRESS: '127.0.0.1:2' });
  expect(code).toBe(4);
  expect(stderr).toContain('127.0.0.1:2');
});
