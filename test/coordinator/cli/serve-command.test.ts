import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { logEvents } from '@unanimous/coordinator';
import { describe, expect, test, vi } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ScriptedPeer } from '../api/scripted-peer.ts';
import { refusal, UnaryClient } from '../api/unary-client.ts';
import { canMount, runCli, ServeProcess } from './cli-process.ts';

// A process from sources takes a second to start, and several on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

test('a coordinator says in one line that it is ready, and logs events in JSON', async () => {
  using dir = tempDir();
  await using serve = await ServeProcess.start(dir.file('log'), ['--log-level', 'debug']);
  expect(serve.readyLine).toMatch(
    /^unanimous ready on 127\.0\.0\.1:[1-9][0-9]* \(log [0-9a-f]{12}, epoch 1, 0 unfinished\)$/,
  );
  const canary = 'canary-4f1c9a7be203';
  const peer = await ScriptedPeer.open(serve.address, {
    vote: ({ work }) => ({ kind: 'YES', receipt: canary, redo: work, incarnation: 'i1' }),
  });
  await peer.serve('events');
  const client = new UnaryClient(serve.address);
  const begun = await client.begin();
  await client.enlist(begun, 'events', canary);
  expect(await client.commit(begun)).toMatchObject({ applied: true });
  for (const end of [peer, client]) end.close();
  const { code, stdout, stderr } = await serve.stop('SIGTERM');
  expect(code).toBe(0);
  expect(stdout).toBe(`${serve.readyLine}\n`);
  const events = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).event as string);
  const known: readonly string[] = Object.values(logEvents);
  expect(events.filter((event) => !known.includes(event))).toEqual([]);
  expect(events).toContain('transaction.committed');
  for (const secret of [canary, begun.owner]) expect(stderr).not.toContain(secret);
});

describe('a coordinator refuses to start', () => {
  test('on a folder that another one holds: exit 5', async () => {
    using dir = tempDir();
    await using serve = await ServeProcess.start(dir.file('log'));
    const args = ['serve', '--data', dir.file('log'), '--listen', '127.0.0.1:0'];
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toMatch(/^error\[log-locked\]: .+\nhint: .+\n$/);
    await new UnaryClient(serve.address).begin();
  });

  test('on a log of a newer version: exit 5', async () => {
    using dir = tempDir();
    const folder = dir.file('log');
    const serve = await ServeProcess.start(folder);
    await serve.stop('SIGTERM');
    const file = readdirSync(folder).find((name) => /^decisions-[0-9]+\.db$/.test(name)) ?? '';
    const database = new Database(`${folder}/${file}`);
    database.pragma('user_version = 99');
    database.close();
    const { code, stderr } = await runCli(['serve', '--data', folder, '--listen', '127.0.0.1:0']);
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error\[log-newer\]: .+\nhint: .+\n$/);
  });

  test('on a log whose tip is lost: exit 5; it may be told to go on', async () => {
    using dir = tempDir();
    const folder = dir.file('log');
    await (await ServeProcess.start(folder)).stop('SIGTERM');
    rmSync(`${folder}/tip`);
    const { code, stderr } = await runCli(['serve', '--data', folder, '--listen', '127.0.0.1:0']);
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error\[log-damaged\]: .+\nhint: .+--accept-tip-loss.+\n$/);
    await using serve = await ServeProcess.start(folder, ['--accept-tip-loss']);
    const { stderr: said } = await serve.stop('SIGTERM');
    expect(said).toContain('"event":"log.tip-loss-accepted"');
  });

  test('on a log that has a mirror, without it: exit 2; it may be told to go on', async () => {
    using dir = tempDir();
    const folder = dir.file('log');
    const mirror = dir.file('mirror');
    await (await ServeProcess.start(folder, ['--mirror', mirror])).stop('SIGTERM');
    const { code, stderr } = await runCli(['serve', '--data', folder, '--listen', '127.0.0.1:0']);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^error\[invalid-argument\]: .+has a mirror\nhint: .+--drop-mirror.+\n$/,
    );
    rmSync(mirror);
    const mirrored = await ServeProcess.start(folder, ['--mirror', mirror]);
    expect((await mirrored.stop('SIGTERM')).stderr).toContain('"event":"log.repaired"');
    await using serve = await ServeProcess.start(folder, ['--drop-mirror']);
    const { stderr: said } = await serve.stop('SIGTERM');
    expect(said).toContain('"event":"log.mirror-dropped"');
  });

  test('on a folder that is none: exit 2', async () => {
    using dir = tempDir();
    writeFileSync(dir.file('file'), '');
    const args = ['serve', '--data', dir.file('file'), '--listen', '127.0.0.1:0'];
    const { code, stderr } = await runCli(args);
    expect(stderr).toMatch(/^error\[[a-z-]+\]: .+\nhint: .+\n$/);
    expect(code).not.toBe(0);
  });
});

describe('a signal', () => {
  test('lets what is open come to its end: exit 0', async () => {
    using dir = tempDir();
    await using serve = await ServeProcess.start(dir.file('log'));
    const client = new UnaryClient(serve.address);
    const begun = await client.begin({ timeoutMs: 60_000 });
    serve.kill('SIGTERM');
    const isDraining = async () =>
      (await refusal(client.begin({ timeoutMs: 1 }))).code === 'draining';
    await waitUntil(isDraining, { what: 'the drain' });
    expect(await client.commit(begun)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
    expect(await serve.ended).toMatchObject({ code: 0, signal: null });
  });

  test('waits no longer than it was told to: exit 0', async () => {
    using dir = tempDir();
    await using serve = await ServeProcess.start(dir.file('log'), ['--drain-ms', '300']);
    await new UnaryClient(serve.address).begin({ timeoutMs: 60_000 });
    const startedMs = performance.now();
    expect(await serve.stop('SIGINT')).toMatchObject({ code: 0 });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  test('a second time stops at once', async () => {
    using dir = tempDir();
    await using serve = await ServeProcess.start(dir.file('log'), ['--drain-ms', '60000']);
    const client = new UnaryClient(serve.address);
    await client.begin({ timeoutMs: 60_000 });
    serve.kill('SIGTERM');
    const isDraining = async () =>
      (await refusal(client.begin({ timeoutMs: 1 }))).code === 'draining';
    await waitUntil(isDraining, { what: 'the drain' });
    const startedMs = performance.now();
    expect(await serve.stop('SIGTERM')).toMatchObject({ code: 143 });
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });
});

test('after kill -9 the epoch grows, what was decided stands, what was not is aborted', async () => {
  using dir = tempDir();
  const folder = dir.file('log');
  const first = await ServeProcess.start(folder);
  const peer = await ScriptedPeer.open(first.address);
  await peer.serve('events');
  const client = new UnaryClient(first.address);
  const decided = await client.begin();
  await client.enlist(decided, 'events', 'x');
  expect(await client.commit(decided)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
  const open = await client.begin({ timeoutMs: 60_000 });
  await client.enlist(open, 'events', 'y');
  for (const end of [peer, client]) end.close();
  await first.stop('SIGKILL');

  await using second = await ServeProcess.start(folder);
  expect(second.readyLine).toMatch(/epoch 2, [01] unfinished\)$/);
  const again = new UnaryClient(second.address);
  expect(await again.get(decided.gid)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
  expect(await again.get(open.gid)).toMatchObject({
    kind: 'OUTCOME_ABORTED',
    reason: { code: 'session-lost' },
  });
  expect(await again.commit(open)).toMatchObject({ kind: 'OUTCOME_ABORTED' });
  expect(await refusal(again.enlist(open, 'events', 'z'))).toMatchObject({ code: 'not-live' });
  again.close();
});

test('what was decided and not applied is counted at the start, and applied when somebody comes', async () => {
  using dir = tempDir();
  const folder = dir.file('log');
  const first = await ServeProcess.start(folder);
  const deaf = await ScriptedPeer.open(first.address, { result: () => undefined });
  await deaf.serve('events');
  const client = new UnaryClient(first.address);
  const begun = await client.begin();
  await client.enlist(begun, 'events', 'x');
  expect(await client.commit(begun, 0)).toMatchObject({ applied: false });
  for (const end of [deaf, client]) end.close();
  await first.stop('SIGKILL');
  await using second = await ServeProcess.start(folder);
  expect(second.readyLine).toMatch(/epoch 2, 1 unfinished\)$/);
  const peer = await ScriptedPeer.open(second.address);
  await peer.serve('events');
  await waitUntil(() => peer.applied.join() === 'x', { what: 'the redo to be applied' });
  peer.close();
});

const absent = canMount() ? '' : ' [command absent: unshare with mount]';

test.skipIf(absent !== '')(
  `on a full disk the client hears unknown, and the process ends with 6${absent}`,
  async () => {
    using dir = tempDir();
    await using serve = await ServeProcess.startOnSmallDisk(dir.path);
    const peer = await ScriptedPeer.open(serve.address);
    await peer.serve('events');
    const client = new UnaryClient(serve.address);
    const kinds: string[] = [];
    for (let count = 0; count < 50 && kinds.at(-1) !== 'OUTCOME_UNKNOWN'; count++) {
      const begun = await client.begin();
      await client.enlist(begun, 'events', 'x'.repeat(100_000));
      kinds.push((await client.commit(begun, 0)).kind);
    }
    expect(kinds[0]).toBe('OUTCOME_COMMITTED');
    expect(kinds.at(-1)).toBe('OUTCOME_UNKNOWN');
    const { code, stderr } = await serve.ended;
    expect(code).toBe(6);
    expect(stderr).toMatch(/\nerror\[log-failed\]: .+\nhint: .+\n$/);
    const { metadata } = await peer.ended;
    expect(metadata.get('unanimous-code')).toEqual(['log-failed']);
    for (const end of [peer, client]) end.close();
  },
);

test('a defect that nobody catches ends the process with 1, and no stack on its own', async () => {
  using dir = tempDir();
  const bomb = 'process.once("SIGUSR2", () => { throw new RangeError("a defect") })';
  const options = `--import data:text/javascript,${encodeURIComponent(bomb)}`;
  const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${options}` };
  await using serve = await ServeProcess.start(dir.file('log'), [], env);
  serve.kill('SIGUSR2');
  const { code, stderr } = await serve.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/"event":"coordinator.crashed","reason":"a defect"/);
  expect(stderr).toMatch(/\nerror\[internal\]: a defect\nhint: .+\n$/);
});

test('limits are those of the command line', async () => {
  using dir = tempDir();
  const flags = ['--max-open', '1', '--default-timeout-ms', '1234', '--max-branches', '7'];
  await using serve = await ServeProcess.start(dir.file('log'), flags);
  const peer = await ScriptedPeer.open(serve.address);
  expect(peer.frames[0].welcome).toMatchObject({ maxBranches: 7 });
  const client = new UnaryClient(serve.address);
  const { remainingMs } = await client.begin();
  expect(remainingMs).toBeGreaterThan(1_000);
  expect(remainingMs).toBeLessThanOrEqual(1_234);
  expect(await refusal(client.begin())).toMatchObject({ code: 'overloaded' });
  for (const end of [peer, client]) end.close();
});
