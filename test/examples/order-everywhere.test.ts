import { spawnSync } from 'node:child_process';
import mysql2 from 'mysql2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../../examples/order-everywhere/audit.ts';
import { Deployment } from '../../examples/order-everywhere/deployment.ts';
import { type Kill, kills, titleOf } from '../../examples/order-everywhere/kills.ts';
import { runKill, untilAtRest } from '../../examples/order-everywhere/run-kill.ts';
import { catalogue } from '../crash/support/catalogue.ts';
import { serverOrSkip } from '../servers/require-server.ts';

// A few of the example's kills; `npm run example:everywhere` does them all.
const rows = kills.filter(({ isQuick }) => isQuick);

/** Orders of the kills so far that are in all six places. */
const committed: string[] = [];
let deployment: Deployment;

serverOrSkip('postgres', 'mariadb', 'kafka', 'redis', 'opensearch').describe(
  'an order in six places, when there is killed',
  () => {
    beforeAll(async () => {
      deployment = await Deployment.start();
      expect(await deployment.place('o-first')).toBe(201);
      await untilAtRest(deployment);
    }, 120_000);

    afterAll(() => deployment?.[Symbol.asyncDispose]());

    test.each(rows.map((row): [string, Kill] => [titleOf(row), row]))(
      '%s: is in all of them, or in none',
      async (_title, row) => {
        const { id, fate, violations } = await runKill(deployment, row, `o-${rows.indexOf(row)}`);
        expect(violations).toEqual([]);
        if (fate === 'committed') committed.push(id);
      },
      120_000,
    );

    test('nobody, and somebody takes it out of one of them: the audit names both', async () => {
      const uri = deployment.addresses.mariadb;
      const invoices = mysql2.createPool({ uri }).promise();
      await invoices.query("delete from invoices where order_id = 'o-first'");
      await invoices.end();
      const { whole, violations } = await audit(deployment.places);
      expect(violations).toEqual(['o-first is not in MariaDB']);
      expect(whole).not.toContain('o-first');
      expect(committed).toHaveLength(rows.filter(({ fate }) => fate === 'committed').length);
      expect([...whole]).toEqual(expect.arrayContaining(committed));
    });
  },
);

test('the kills are at failpoints that there are, each once for who is killed', () => {
  expect(kills.map(({ point }) => point).filter((point) => !catalogue.includes(point))).toEqual([]);
  const titles = kills.map(titleOf);
  expect(titles.filter((title, n) => titles.indexOf(title) !== n)).toEqual([]);
});

test('where a server is absent, the example says which, and how to get it', () => {
  const program = ['--import', 'tsx', 'examples/order-everywhere/everywhere.ts'];
  const env = { ...process.env, PATH: '/nowhere', UNANIMOUS_REDIS_SERVER: '' };
  const args = ['--conditions=@unanimous/source', ...program];
  const { status, stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  expect(stdout).toContain('Redis is absent: install redis-server');
  expect(stdout).toContain('MariaDB is absent: install mariadb-server');
  expect(status).toBe(1);
});
