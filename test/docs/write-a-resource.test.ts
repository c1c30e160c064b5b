import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  type ConformanceError,
  conformanceCases,
  type ConformanceSubject,
} from '@unanimous/participant-sdk/conformance';
import { afterAll, describe, expect, test } from 'vitest';
import type { DefinedResource } from '../../participant-sdk/src/define-resource.ts';
import { sourceArgv } from '../participant-sdk/support/source-argv.ts';
import { TestCoordinator } from '../participant-sdk/support/test-coordinator.ts';
import { PageFolder, root } from './pages-as-files.ts';

// The blocks of the page are files, named in their first line. They are run as they stand.

const page = new PageFolder('write-a-resource', (text, folder) =>
  text
    .replace("'./unanimous-data'", JSON.stringify(join(folder, 'log')))
    .replace("'audit.jsonl'", JSON.stringify(join(folder, 'audit.jsonl'))),
);
afterAll(() => page.remove());

const file = (name = 'audit.jsonl') => page.file(name);
const lines = (name?: string) => readFileSync(file(name), 'utf8').trim().split('\n');
const load = (name: string): Promise<Record<string, unknown>> => import(page.file(name));

interface Entry {
  readonly who: string;
  readonly did: string;
}
type AuditLog = DefinedResource<Entry>;
type MakeLog = (path: string) => AuditLog | Promise<AuditLog>;

async function loadLog(module: string): Promise<MakeLog> {
  return ((await load(module)) as { auditLog: MakeLog }).auditLog;
}

async function entries(name: string): Promise<readonly Entry[]> {
  const { entriesOf } = (await load('audit-log.ts')) as {
    entriesOf: (folder: string) => Promise<readonly Entry[]>;
  };
  return entriesOf(file(name));
}

test('the first log, used as on the page, has Ada’s line and nothing of Bob’s', async () => {
  await load('use.ts');
  const [line, ...rest] = lines().map((text): unknown => JSON.parse(text));
  expect(line).toMatchObject({ id: expect.any(String), who: 'ada', did: 'opened the shop' });
  expect(rest).toEqual([]);
});

describe('a process that dies between the line and its word', () => {
  /** Applies one effect twice, by two lives of the resource. */
  async function applyTwice(module: string, name: string): Promise<void> {
    const auditLog = await loadLog(module);
    const coordinator = new TestCoordinator();
    const first = await coordinator.serve(await auditLog(file(name)));
    const transaction = await coordinator.begin(() => first.write({ who: 'ada', did: 'x' }));
    await transaction.prepare();
    await transaction.commit();
    const second = await auditLog(file(name));
    await second.commit(transaction.id(first), transaction.decided(first));
  }

  test('leaves two lines with the first log, as the page warns', async () => {
    await applyTwice('first-log.ts', 'twice.jsonl');
    const [one, two, ...rest] = lines('twice.jsonl');
    expect(one).toBe(two);
    expect(rest).toEqual([]);
  });

  test('leaves one entry with the second log', async () => {
    await applyTwice('audit-log.ts', 'once');
    expect(await entries('once')).toHaveLength(1);
  });
});

describe('the second log', () => {
  async function served(name: string) {
    const coordinator = new TestCoordinator();
    const audit = await coordinator.serve(await (await loadLog('audit-log.ts'))(file(name)));
    return { audit, coordinator };
  }

  test('says no before the decision', async () => {
    const { audit, coordinator } = await served('refused');
    const transaction = await coordinator.begin(() => audit.write({ who: '', did: 'x' }));
    await expect(transaction.prepare()).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'an entry needs a name',
    });
    expect((await audit.open()).identity).toBe(`folder:${file('refused')}`);
  });

  test('has its entries in the order of the decisions, and no draft of a crash', async () => {
    const { audit, coordinator } = await served('order');
    writeFileSync(file('order/torn.draft'), '{"id":"torn');
    await coordinator.commit(async () => {
      for (const did of ['ümläut', 'second']) await audit.write({ who: 'ada', did });
    });
    await coordinator.commit(() => audit.write({ who: 'bob', did: 'third' }));
    const done = (await entries('order')).map(({ did }) => did);
    expect(done).toEqual(['ümläut', 'second', 'third']);
  });
});

describe('the proof', () => {
  const run = (name: string) => {
    const args = [...sourceArgv, '--test-reporter=tap', page.file(name)];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { output: stdout + stderr, status };
  };

  test('is given by the second log', () => {
    const { output, status } = run('prove-it.ts');
    expect(status, output).toBe(0);
    expect(output).toMatch(/^ok \d+ - killed with branches at every step/m);
    expect(output).toMatch(/not tried: applied out of order.* \(the subject has no `ordered`\)/);
  }, 120_000);

  test('is not given by the first log, with the words of the page', async () => {
    const auditLog = await loadLog('first-log.ts');
    const cases = conformanceCases<AuditLog>({
      kind: 'logged',
      rm: 'audit-log',
      make: () => auditLog(file('proof.jsonl')),
      write: (audit, who, did) => audit.write({ who, did }),
      read: async (who) => {
        if (!existsSync(file('proof.jsonl'))) return [];
        const all = lines('proof.jsonl').map((text) => JSON.parse(text) as Entry);
        return all.filter((entry) => entry.who === who).map(({ did }) => did);
      },
    });
    const again = cases.find(({ name }) => name.startsWith('commit is idempotent: again'));
    const error = await again?.run().catch((thrown: ConformanceError) => thrown);
    const text = readFileSync(join(root, 'docs/write-a-resource.md'), 'utf8');
    const words = (value: string) => value.replaceAll(/\s+/g, ' ');
    const message = words(error?.message ?? 'it passed');
    expect(words(text).includes(message), message).toBe(true);
  });
});

describe('the price list', () => {
  interface Price {
    readonly item: string;
    readonly cents: number;
  }

  async function served() {
    const service = (await load('price-service.ts')) as {
      server: Server;
      prices: Map<string, { cents: number }>;
    };
    service.prices.clear();
    service.server.listen(0, '127.0.0.1');
    await once(service.server, 'listening');
    const url = `http://127.0.0.1:${(service.server.address() as AddressInfo).port}`;
    const { priceList } = (await load('price-list.ts')) as {
      priceList: (url: string) => DefinedResource<Price>;
    };
    const coordinator = new TestCoordinator();
    const list = await coordinator.serve(priceList(url));
    const begin = async (cents: number) => {
      const transaction = await coordinator.begin(() => list.write({ item: 'ramen', cents }));
      await transaction.prepare();
      return transaction;
    };
    const stop = () =>
      new Promise((resolve) => {
        service.server.close(resolve);
        service.server.closeAllConnections();
      });
    const price = () => service.prices.get('ramen')?.cents;
    return { list, begin, stop, price, service, make: () => priceList(url) };
  }

  test('keeps the later price, in whichever order they arrive', async () => {
    const { list, begin, stop, price } = await served();
    const earlier = await begin(900);
    const later = await begin(1_000);
    earlier.decided(list); // the decisions come in this order
    later.decided(list);
    await later.commit();
    await earlier.commit();
    expect(price()).toBe(1_000);
    await stop();
  });

  test('waits while the service is down, and reports what it refuses for good', async () => {
    const { begin, stop, price } = await served();
    const refused = await begin(-1);
    expect(await refused.commit()).toMatchObject([
      { result: 'unknown', reason: { message: expect.stringContaining('not negative') } },
    ]);
    const waiting = await begin(900);
    await stop();
    await expect(waiting.commit()).rejects.toThrow(/fetch failed/);
    expect(price()).toBeUndefined();
  });

  test('proves it, too, and keeps the later price whatever comes', async () => {
    const { make, stop, service } = await served();
    const texts: string[] = []; // a price is a number: each text has its own
    const subject: ConformanceSubject<DefinedResource<Price>> = {
      kind: 'logged',
      rm: 'price-list',
      make,
      write: (prices, item, text) => prices.write({ item, cents: texts.push(text) }),
      async read(item) {
        const stored = service.prices.get(item);
        return stored ? [texts[stored.cents - 1] ?? ''] : [];
      },
      ordered: true,
      async hang() {
        const [answer] = service.server.listeners('request') as RequestListener[];
        service.server.removeAllListeners('request');
        return async () => void service.server.on('request', answer as RequestListener);
      },
    };
    for (const { name, run } of conformanceCases(subject)) {
      await run().catch((error: unknown) => {
        throw new Error(name, { cause: error });
      });
    }
    await stop();
  }, 60_000);
});
