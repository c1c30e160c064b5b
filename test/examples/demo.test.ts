import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { hasRabbitmq } from '../../examples/support/rabbitmq-server.ts';
import { commandOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';

// The demo as a user runs it, with the events in RabbitMQ where there is one, and its databases read by
// their own tools.

interface Demo {
  readonly child: ChildProcess;
  printed(): string;
}

function startDemo(...options: string[]): Demo {
  const args = ['--conditions=@unanimous/source', '--import', 'tsx', 'examples/food-order/demo.ts'];
  const child = spawn(process.execPath, [...args, '--brief', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const keep = (chunk: unknown) => {
    printed += String(chunk);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return { child, printed: () => printed };
}

async function exitCode({ child }: Demo): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}

/** Runs a command that the demo has printed, in a shell as a user would, and answers its output. */
function runPrinted(demo: Demo, pattern: RegExp): string {
  const line = demo.printed().match(pattern)?.[0];
  if (line === undefined) throw new Error(`the demo printed no ${pattern}: ${demo.printed()}`);
  return execFileSync('sh', ['-c', line], { encoding: 'utf8' }).trim();
}

commandOrSkip('psql', 'sqlite3').test(
  'psql and sqlite3 see what the audit says, and nothing is left afterwards',
  async () => {
    const demo = startDemo('--hold', ...(hasRabbitmq() ? ['--rabbitmq'] : []));
    await waitUntil(
      () => demo.printed().includes('ctrl-C ends it') || demo.child.exitCode !== null,
      {
        what: 'the end of the audit',
        timeoutMs: 150_000,
      },
    );
    await waitUntil(() => demo.printed().includes('npx unanimous status'), { what: 'the hints' });
    const orders = runPrinted(demo, /psql .*from orders'/);
    const reservations = runPrinted(demo, /psql .*from reservations'/);
    const deliveries = runPrinted(demo, /sqlite3 .*from deliveries'/);
    expect(Number(orders.split('|')[0])).toBeGreaterThanOrEqual(200);
    expect(reservations).toBe(orders);
    expect(deliveries).toBe(orders);
    expect(runPrinted(demo, /psql .*from pg_prepared_xacts'/)).toBe('0');
    expect(demo.printed()).not.toContain('FAIL');
    expect(demo.printed()).toContain(`${orders.split('|')[0]} orders`);
    const folder = demo.printed().match(/sqlite3 (\S+)\/deliveries.db/)?.[1] ?? '';
    expect(existsSync(folder)).toBe(true);
    demo.child.kill('SIGINT');
    expect(await exitCode(demo), demo.printed()).toBe(0);
    expect(existsSync(folder)).toBe(false);
    expect(processesThatName(folder)).toEqual([]);
  },
  200_000,
);

/** Command lines of processes that name the folder; only Linux tells. */
function processesThatName(folder: string): string[] {
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  const commandLines = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return ''; // it has just ended
    }
  });
  return commandLines.filter((line) => line.includes(folder));
}
