import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { QueueFixture } from './queue-fixture.ts';

const child = fileURLToPath(new URL('consumer-child.ts', import.meta.url));

/** Starts a process that acknowledges messages of topic `t` and prints their bodies. */
function startConsumer(file: string, seen: string[]) {
  const args = ['--conditions=@unanimous/source', '--import', 'tsx', child, file];
  const consumer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let rest = '';
  consumer.stdout.on('data', (data) => {
    const lines = (rest + String(data)).split('\n');
    rest = lines.pop() ?? '';
    seen.push(...lines);
  });
  const closed = new Promise((resolve) => consumer.once('close', resolve));
  const kill = () => consumer.kill('SIGKILL');
  return { kill, closed };
}

test('three processes share a queue; one is killed and nothing is lost', async () => {
  await using fixture = new QueueFixture();
  const writer = await fixture.writer({ now: Date.now });
  const reader = await fixture.reader({ now: Date.now });
  const seen: string[] = [];
  const consumers = Array.from({ length: 3 }, () => startConsumer(fixture.file, seen));
  try {
    await waitUntil(() => seen.filter((line) => line === 'ready').length === 3, {
      what: 'the consumers',
      timeoutMs: 20_000,
    });
    const total = 150;
    for (let n = 1; n <= total; n++) {
      await fixture.coordinator.commit(() => writer.publish('t', n));
      if (n === total / 2) consumers[0]?.kill();
    }
    const stats = async () => (await reader.stats())[0];
    await waitUntil(async () => (await stats())?.acknowledged === total, {
      what: 'all messages to be acknowledged',
      timeoutMs: 15_000,
    });
    expect(await stats()).toMatchObject({ published: total, ready: 0, leased: 0, dead: 0 });
    const handled = new Set(seen.filter((line) => line !== 'ready'));
    expect(handled.size).toBe(total); // each prints before it acknowledges
  } finally {
    for (const { kill } of consumers) kill();
    await Promise.all(consumers.map(({ closed }) => closed));
  }
}, 60_000);
