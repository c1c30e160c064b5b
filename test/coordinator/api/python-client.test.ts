import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { commandOrSkip, commandPath } from '../../servers/require-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { serveCoordinator } from './served-coordinator.ts';

const protoDir = fileURLToPath(new URL('../../../proto/', import.meta.url));
const script = fileURLToPath(new URL('./python_client.py', import.meta.url));
const files = ['session', 'coordinator'].map((name) => `unanimous/v1/${name}.proto`);

function generate(dir: string): void {
  const outputs = [`--python_out=${dir}`, `--grpc_python_out=${dir}`];
  const args = ['-m', 'grpc_tools.protoc', `-I${protoDir}`, ...outputs, ...files];
  const { status, stderr } = spawnSync(commandPath('python'), args, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
}

function run(args: readonly string[]): Promise<{ code: number | null; heard: unknown[] }> {
  const child = spawn(commandPath('python'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve({ code, heard: lines.map((line) => JSON.parse(line) as unknown) });
    });
  });
}

commandOrSkip('python').test(
  'a client in Python, made from the .proto files alone, commits and aborts',
  async () => {
    using stubs = tempDir();
    generate(stubs.path);
    await using served = await serveCoordinator();
    const peer = await served.peer();
    await peer.serve('events');
    const { code, heard } = await run([script, stubs.path, served.address, 'events']);
    const committed = { kind: 'OUTCOME_COMMITTED', applied: true };
    expect(heard).toEqual([
      { ...committed, gid: expect.stringMatching(/^[0-9a-f]{12}-1-1$/), branches: [1, 2] },
      committed,
      { status: 'PERMISSION_DENIED', code: 'not-owner' },
      { kind: 'OUTCOME_ABORTED', code: 'client-aborted', message: 'no stock' },
      { status: 'FAILED_PRECONDITION', code: 'unsupported-protocol' },
    ]);
    expect(code).toBe(0);
    expect(peer.applied.toSorted()).toEqual(['{"order": 1}', '{"order": 2}']);
  },
  60_000,
);
