import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { wantsColours } from '../../../coordinator/src/cli/terminal.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { makeAuthority } from '../api/certificates.ts';
import type { Wire } from '../api/contract-client.ts';
import type { ScriptedPeer } from '../api/scripted-peer.ts';
import { type ServedCoordinator, serveCoordinator } from '../api/served-coordinator.ts';
import { runCli, runHere } from './cli-process.ts';

// A process from sources takes a second to start, and several on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const why = { code: 'rm-unavailable', message: 'the disk is full', hint: 'Empty it.' };

let served: ServedCoordinator;
let deaf: ScriptedPeer;

beforeAll(async () => {
  served = await serveCoordinator();
  deaf = await served.peer({ result: () => undefined });
  await deaf.serve('events');
});

afterAll(() => served[Symbol.asyncDispose]());

function ask(...args: string[]) {
  return runHere([...args, '--address', served.address]);
}

/** A transaction that is committed, and whose only branch answers nothing. */
async function stuck(name = ''): Promise<string> {
  const client = served.client();
  const begun = await client.begin({ name });
  await client.enlist(begun, 'events', 'x');
  await client.commit(begun, 0);
  return begun.gid;
}

/** One whose branch did not follow the decision. */
async function heuristic(): Promise<string> {
  const gid = await stuck('heuristic');
  const answer = { gid, branch: 1, rm: 'events', result: 'ROLLED_BACK', reason: why };
  deaf.send({ acknowledgements: [answer] });
  const { coordinator } = served.service;
  await waitUntil(() => coordinator.operations.show(gid).state === 'heuristic', {
    what: 'the heuristic',
  });
  return gid;
}

async function resolve(gid: string): Promise<void> {
  const by = ['--branch', '1', '--as', 'committed', '--reason', 'seen in the database'];
  expect(await ask('resolve', gid, ...by)).toMatchObject({ code: 0, stderr: '' });
}

describe('list', () => {
  test('of nothing: exit 0', async () => {
    expect(await ask('list')).toMatchObject({ code: 0, stdout: 'no transactions\n', stderr: '' });
    const { stdout } = await ask('list', '--json');
    expect(stdout).toBe('{"version":1,"transactions":[],"more":false}\n');
  });

  test('of what is open and well: exit 0', async () => {
    const client = served.client();
    const begun = await client.begin({ name: 'place-order', timeoutMs: 60_000 });
    await client.enlist(begun, 'events', 'x');
    const { code, stdout } = await ask('list');
    expect(code).toBe(0);
    const [head, row, summary] = stdout.split('\n');
    expect(head?.split(/ {2,}/)).toEqual(['GID', 'STATE', 'AGE', 'LEFT', 'NAME', 'BRANCHES']);
    const columns = row?.split(/ {2,}/);
    expect(columns).toMatchObject(
      [begun.gid, 'active', /\d/, /^5\ds$/, 'place-order', 'events working'].map((c) =>
        typeof c === 'string' ? c : expect.stringMatching(c),
      ),
    );
    expect(summary).toBe('1 active');
    await client.abort(begun);
  });

  test('of what is decided and not applied: exit 3, as often as it is asked', async () => {
    const gid = await stuck();
    const { code, stdout } = await ask('list');
    expect(code).toBe(3);
    expect(stdout).toContain(`${gid}  committing`);
    expect(stdout).toMatch(/\n1 committing\n$/);
    await resolve(gid);
    expect(await ask('list')).toMatchObject({ code: 0, stdout: 'no transactions\n' });
  });

  test('goes on where the page ended, and filters by state', async () => {
    const gids = [await stuck('a'), await stuck('b'), await stuck('c')];
    const listed = async (...args: string[]) => {
      const { stdout } = await ask('list', '--json', ...args);
      const { transactions, more } = JSON.parse(stdout);
      return { gids: transactions.map(({ gid }: Wire) => gid), more };
    };
    expect(await listed('--limit', '2')).toEqual({ gids: gids.slice(0, 2), more: true });
    const after = ['--after', gids[1] ?? ''];
    expect(await listed('--limit', '2', ...after)).toEqual({ gids: gids.slice(2), more: false });
    expect(await listed('--state', 'committing')).toEqual({ gids, more: false });
    expect(await listed('--state', 'active', 'heuristic')).toEqual({ gids: [], more: false });
    const { code, stderr } = await ask('list', '--state', 'in-doubt');
    expect(code).toBe(2);
    expect(stderr).toContain('is none of active, preparing,');
    for (const gid of gids) await resolve(gid);
  });

  test('does not let a name speak to the terminal', async () => {
    const client = served.client();
    const begun = await client.begin({ name: '\u001b[2J\r\nx\u202ey' });
    const { stdout } = await ask('list');
    expect(stdout).toContain('\\u001b[2J\\u000d\\u000ax\\u202ey');
    await client.abort(begun);
  });

  test('has colours where they are wanted', async () => {
    const gid = await stuck();
    const args = ['list', '--address', served.address];
    expect((await runHere(args, true)).stdout).toContain('\u001b[33mcommitting');
    expect((await runHere(args)).stdout).not.toContain('\u001b');
    await resolve(gid);
  });
});

describe('show', () => {
  test('of a branch that did not follow: exit 3, why, and what to do', async () => {
    const gid = await heuristic();
    const { code, stdout } = await ask('show', gid);
    expect(code).toBe(3);
    expect(stdout).toContain(`gid     ${gid}\nstate   heuristic\nname    heuristic\n`);
    expect(stdout).toContain('rm-unavailable: the disk is full');
    expect(stdout).toContain(`unanimous resolve ${gid} --branch N`);
    await resolve(gid);
  });

  test('in JSON has a stable shape', async () => {
    const gid = await heuristic();
    const { code, stdout } = await ask('show', gid, '--json');
    expect(code).toBe(3);
    const shown = JSON.parse(stdout);
    expect(shown).toEqual({
      version: 1,
      transaction: {
        gid,
        state: 'heuristic',
        name: 'heuristic',
        ageMs: expect.any(Number),
        remainingMs: 0,
        reason: null,
        branches: [
          {
            branch: 1,
            rm: 'events',
            kind: 'logged',
            state: 'rolled-back',
            instance: deaf.instance,
            receipt: 'receipt',
            reason: { ...why, rm: '', retryable: false },
            resolvedBy: '',
            resolvedReason: '',
          },
        ],
      },
    });
    await resolve(gid);
  });

  test('of what is not there: exit 5, or 2', async () => {
    const { logId } = served.service.coordinator.incarnation;
    const [unborn, foreign, malformed] = await Promise.all([
      ask('show', `${logId}-1-99999`),
      ask('show', `${'a'.repeat(12)}-1-1`),
      ask('show', 'nonsense'),
    ]);
    expect(unborn).toMatchObject({ code: 5, stdout: '' });
    expect(unborn.stderr).toMatch(/^error\[not-live\]: .+\nhint: .+\n$/);
    expect(foreign).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^error\[foreign-gid\]/),
    });
    expect(malformed).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error\[malformed-gid\]/),
    });
  });
});

describe('resolve', () => {
  test('records who and why, and the branch is over', async () => {
    const gid = await heuristic();
    const by = ['--branch', '1', '--as', 'rolled-back', '--reason', 'INC-7'];
    const { code, stdout } = await ask('resolve', gid, ...by, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).transaction.branches).toMatchObject([
      { state: 'resolved', resolvedBy: userInfo().username, resolvedReason: 'INC-7' },
    ]);
    const again = await ask('resolve', gid, ...by, '--operator', 'ann');
    expect(again).toMatchObject({ code: 5, stdout: '' });
    expect(again.stderr).toMatch(/^error\[cannot-resolve\]: .+\nhint: .+\n$/);
    const { stdout: shown } = await ask('show', gid);
    expect(shown).toContain(`by ${userInfo().username}: INC-7`);
  });

  test('of what cannot be resolved: exit 5; without a reason: exit 2', async () => {
    const client = served.client();
    const begun = await client.begin();
    await client.enlist(begun, 'events', 'x');
    const by = ['--branch', '1', '--as', 'abandoned'];
    const live = await ask('resolve', begun.gid, ...by, '--reason', 'x');
    expect(live).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^error\[cannot-resolve\]/),
    });
    const empty = await ask('resolve', begun.gid, ...by, '--reason', ' ');
    expect(empty).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error\[invalid-argument\]: reason/),
    });
    await client.abort(begun);
  });
});

test('status tells of the coordinator and of who is connected', async () => {
  const { logId } = served.service.coordinator.incarnation;
  const [{ code, stdout }, json] = await Promise.all([ask('status'), ask('status', '--json')]);
  expect(code).toBe(0);
  expect(stdout).toContain(`log         ${logId}\nepoch       1\n`);
  expect(stdout).toMatch(new RegExp(`${deaf.instance} +orders +script/1 +events\n`));
  expect(JSON.parse(json.stdout)).toEqual({
    version: 1,
    status: {
      software: '0.1.0',
      logId,
      epoch: 1,
      seq: expect.any(Number),
      active: 0,
      unfinished: 0,
      heuristic: 0,
      peers: [{ instance: deaf.instance, service: 'orders', sdk: 'script/1', rms: ['events'] }],
    },
  });
});

test('from a shell it is the same', async () => {
  const gid = await stuck();
  const args = ['list', '--address', served.address];
  const [here, there] = await Promise.all([runHere(args), runCli(args)]);
  expect(there).toMatchObject({ code: 3, stderr: '' });
  const withoutAge = (text: string) => text.replaceAll(/\d+m?s/g, 'AGE').replaceAll(/ +/g, ' ');
  expect(withoutAge(there.stdout)).toBe(withoutAge(here.stdout));
  await resolve(gid);
});

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
  [{ TERM: 'dumb' }, true, false],
])('with %j and a terminal %s: colours %s', (env, isTerminal, expected) => {
  expect(wantsColours(env, isTerminal)).toBe(expected);
});

test('with TLS a command shows its certificate', async () => {
  using dir = tempDir();
  const { cert: ca, server, client } = await makeAuthority();
  const files = { ca, cert: client.cert, key: client.key };
  for (const [name, pem] of Object.entries(files)) writeFileSync(dir.file(name), pem);
  const tls = {
    cert: Buffer.from(server.cert),
    key: Buffer.from(server.key),
    clientCa: Buffer.from(ca),
  };
  await using secured = await serveCoordinator({ tls });
  const args = ['status', '--address', secured.address];
  const known = [
    '--ca',
    dir.file('ca'),
    '--tls-cert',
    dir.file('cert'),
    '--tls-key',
    dir.file('key'),
  ];
  const [shown, unknown, plain] = await Promise.all([
    runHere([...args, ...known]),
    runHere([...args, '--ca', dir.file('ca')]),
    runHere(args),
  ]);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  for (const refused of [unknown, plain]) {
    expect(refused).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error\[unreachable\]/),
    });
  }
});
