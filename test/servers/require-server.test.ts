import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { type CommandName, commandOrSkip, commandPath } from './require-server.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Runs vitest on one file of tests that need what an empty PATH can't give. */
function runOnEmptyPath(env: Record<string, string>) {
  using root = tempDir();
  mkdirSync(root.file('test'));
  const requireServer = JSON.stringify(join(repository, 'test/servers/require-server.ts'));
  writeFileSync(
    root.file('test/needy.test.ts'),
    `import { commandOrSkip, serverOrSkip } from ${requireServer};
    import { test } from ${JSON.stringify(join(repository, 'node_modules/vitest/dist/index.js'))};
    serverOrSkip('rabbitmq').describe('a queue', () => test('delivers', () => {}));
    commandOrSkip('psql').test('a shell', () => {});
    serverOrSkip('mysql').describe('what nobody brings', () => test('is not run', () => {}));
    test('needs nothing', () => {});
    test('waits for better times', (context) => context.skip('too early'));`,
  );
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
  const args = [
    vitest,
    'run',
    '--root',
    root.path,
    '--config',
    join(repository, 'vitest.config.ts'),
  ];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    cwd: root.path,
    encoding: 'utf8',
    env: { HOME: root.path, PATH: root.path, NO_COLOR: '1', ...env },
  });
  return { lines: stdout.trimEnd().split('\n'), output: stdout + stderr, status };
}

test('what is absent is skipped, and the run ends by naming it and with one count', () => {
  const { lines, output, status } = runOnEmptyPath({});
  expect(lines.slice(-5), output).toEqual([
    'skipped: test/needy.test.ts > a queue [server absent: rabbitmq] > delivers (server absent: rabbitmq)',
    'skipped: test/needy.test.ts > a shell [command absent: psql] (command absent: psql)',
    'skipped: test/needy.test.ts > what nobody brings [server absent: mysql] (server absent: mysql)',
    'skipped: test/needy.test.ts > waits for better times (too early)',
    '1 passed, 0 failed, 4 skipped',
  ]);
  expect(status).toBe(0);
});

test('with UNANIMOUS_TEST_REQUIRE=all what is absent is a failure, unless no registry brings it', () => {
  const { lines, output, status } = runOnEmptyPath({ UNANIMOUS_TEST_REQUIRE: 'all' });
  expect(lines.at(-1), output).toBe('1 passed, 2 failed, 2 skipped');
  expect(output).toContain('server absent: rabbitmq; UNANIMOUS_TEST_REQUIRE=all');
  expect(status).toBe(1);
});

commandOrSkip('psql', 'sqlite3', 'python').test(
  'the tools are what the tests take them for',
  () => {
    const run = (name: CommandName, ...args: string[]) =>
      spawnSync(commandPath(name), args, { encoding: 'utf8' }).stdout;
    expect(run('psql', '--version')).toContain('PostgreSQL');
    expect(run('sqlite3', ':memory:', 'SELECT 6 * 7')).toBe('42\n');
    expect(run('python', '-c', 'import grpc; print(grpc.StatusCode.ABORTED.name)')).toBe(
      'ABORTED\n',
    );
  },
);
