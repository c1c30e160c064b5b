import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DefinedResource } from '../../participant-sdk/src/define-resource.ts';
import { TestCoordinator } from '../participant-sdk/support/test-coordinator.ts';
import { typescriptBlocks } from './snippets.ts';

// The blocks of the page are files, named in their first line. They are run as they stand.

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache/write-a-resource-')); // where imports find the packages
  for (const block of typescriptBlocks('docs/write-a-resource.md')) {
    const name = /^\/\/ ([a-z-]+\.ts)\n/.exec(block)?.[1];
    if (!name) throw new Error(`a block without a name: ${block.slice(0, 40)}`);
    const text = block.replace("'./unanimous-data'", JSON.stringify(join(folder, 'log')));
    writeFileSync(join(folder, name), text.replace("'audit.jsonl'", JSON.stringify(file())));
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name = 'audit.jsonl') => join(folder, name);
const lines = (name?: string) => readFileSync(file(name), 'utf8').trim().split('\n');
const load = (name: string): Promise<Record<string, unknown>> => import(join(folder, name));

interface Entry {
  readonly who: string;
  readonly did: string;
}
type AuditLog = DefinedResource<Entry>;
type MakeLog = (file: string) => AuditLog | Promise<AuditLog>;

test('the first log, used as on the page, has Ada’s line and nothing of Bob’s', async () => {
  await load('use.ts');
  const [line, ...rest] = lines().map((text): unknown => JSON.parse(text));
  expect(line).toMatchObject({ id: expect.any(String), who: 'ada', did: 'opened the shop' });
  expect(rest).toEqual([]);
});

describe('a process that dies between the line and its word', () => {
  /** Applies one effect twice, by two lives of the resource; the lines of the file. */
  async function applyTwice(module: string, name: string): Promise<string[]> {
    const { auditLog } = (await load(module)) as { auditLog: MakeLog };
    const coordinator = new TestCoordinator();
    const first = await coordinator.serve(await auditLog(file(name)));
    const transaction = await coordinator.begin(() => first.write({ who: 'ada', did: 'x' }));
    await transaction.prepare();
    await transaction.commit();
    const second = await auditLog(file(name));
    await second.commit(transaction.id(first), transaction.decided(first));
    return lines(name);
  }

  test('leaves two lines with the first log, as the page warns', async () => {
    const [one, two, ...rest] = await applyTwice('first-log.ts', 'twice.jsonl');
    expect(one).toBe(two);
    expect(rest).toEqual([]);
  });

  test('leaves one line with the second log', async () => {
    expect(await applyTwice('audit-log.ts', 'once.jsonl')).toHaveLength(1);
  });
});

describe('the second log', () => {
  async function served(name: string) {
    const { auditLog } = (await load('audit-log.ts')) as { auditLog: MakeLog };
    const coordinator = new TestCoordinator();
    const audit = await coordinator.serve(await auditLog(file(name)));
    return { audit, coordinator };
  }

  test('says no before the decision', async () => {
    const { audit, coordinator } = await served('refused.jsonl');
    const transaction = await coordinator.begin(() => audit.write({ who: '', did: 'x' }));
    await expect(transaction.prepare()).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'an entry needs a name',
    });
    expect((await audit.open()).identity).toBe(`file:${file('refused.jsonl')}`);
  });

  test('drops a torn last line, and writes the effect again', async () => {
    const { audit, coordinator } = await served('torn.jsonl');
    await coordinator.commit(() => audit.write({ who: 'ada', did: 'ümläut' }));
    appendFileSync(file('torn.jsonl'), '{"id":"torn');
    const again = await served('torn.jsonl');
    await again.coordinator.commit(async () => {
      await again.audit.write({ who: 'ada', did: 'same id as before' });
      await again.audit.write({ who: 'bob', did: 'y' });
    });
    expect(lines('torn.jsonl').map((text) => JSON.parse(text) as Entry)).toMatchObject([
      { did: 'ümläut' },
      { who: 'bob' },
    ]);
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
    return { list, begin, stop, price: () => service.prices.get('ramen')?.cents };
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
});
