import type { PoolConnection } from 'mysql2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { xidOf } from '../../../participant-sdk/src/mysql/xid.ts';
import { errorOf, Fixture, pause, type Prepared, TestMariadb } from './branches.ts';

const needed = serverOrSkip('mariadb');

for (const [title, settings] of [
  ['without a binary log', {}],
  [
    'with a binary log',
    { log_bin: 'binlog', sync_binlog: 1, server_id: 7, innodb_rollback_on_timeout: 1 },
  ],
] as const) {
  needed.describe(`when MariaDB ${title} or a connection dies`, () => {
    let mariadb: TestMariadb;

    beforeAll(async () => {
      mariadb = await TestMariadb.start({ settings });
    });
    afterAll(() => mariadb.server.stop());

    test('a prepared branch survives kill -9 and is found and committed', async () => {
      await using fixture = await mariadb.fixture();
      const insert = () => fixture.query('INSERT INTO t VALUES (1)');
      const prepared = await fixture.prepared(insert);
      const aborted = await fixture.prepared(() => fixture.query('INSERT INTO t VALUES (2)'));
      const lost = await fixture.run(insert);
      await mariadb.server.kill9();
      expect(await errorOf(fixture.commit(prepared))).toMatchObject({
        code: 'rm-unavailable',
        retryable: true,
      });
      expect(await errorOf(fixture.resource.scan())).toMatchObject({ code: 'rm-unavailable' });
      await waitUntil(() => lost.dooms.length > 0, { what: 'the loss to be noticed' });
      expect(lost.dooms).toMatchObject([{ code: 'rm-unavailable', retryable: true }]);
      expect(await errorOf(lost.open.prepare())).toMatchObject({ code: 'rm-unavailable' });
      await lost.open.rollback();
      await mariadb.server.restart();
      const found = await fixture.resource.scan();
      expect(new Set(found)).toEqual(new Set([prepared.id, aborted.id]));
      expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
      expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
      expect(await fixture.resource.abort(aborted.id, aborted.receipt)).toEqual({
        result: 'rolled-back',
      });
      expect(await fixture.resource.abort(aborted.id, aborted.receipt)).toEqual({
        result: 'rolled-back',
      });
      expect(fixture.values()).toEqual([1]);
      expect(fixture.listed()).toEqual([]);
    });

    test('a pool that resets what is given back loses no row, the server killed included', async () => {
      await using fixture = await mariadb.fixture({ resetOnRelease: true, connectionLimit: 4 });
      await using other = await sibling(fixture);
      let next = 0;
      const insert = () => fixture.query('INSERT INTO t VALUES (?)', [(next += 1)]);
      const committed: number[] = [];
      const pending: { prepared: Prepared; value: number }[] = [];
      for (let n = 0; n < 15; n++) {
        const prepared = await fixture.prepared(insert);
        const value = next;
        // Its own connection, another instance, or nobody yet.
        if (n % 3 === 0) {
          expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
          committed.push(value);
        } else if (n % 3 === 1) {
          const told = await other.commit(prepared).catch(() => undefined);
          if (told?.result === 'committed') committed.push(value);
          else pending.push({ prepared, value });
        } else pending.push({ prepared, value });
        if (pending.length === 3) await pause(1_050); // their connections are ended
        if (pending.length === 4) {
          for (const { prepared: one, value: its } of pending.splice(0)) {
            await until(() => fixture.commit(one));
            committed.push(its);
          }
        }
      }
      const left = await fixture.prepared(insert);
      pending.push({ prepared: left, value: next });
      expect(fixture.values()).toEqual(committed.toSorted((a, b) => a - b));
      await mariadb.server.kill9();
      await mariadb.server.restart();
      const listed = await fixture.resource.scan();
      expect(listed).toHaveLength(pending.length);
      for (const { prepared, value } of pending) {
        await until(() => fixture.commit(prepared));
        committed.push(value);
      }
      expect(fixture.values()).toEqual(committed.toSorted((a, b) => a - b));
      expect(await fixture.resource.scan()).toEqual([]);
    });

    function sibling(fixture: Fixture): Promise<Fixture> {
      return new Fixture(fixture.server, fixture.database, { resetOnRelease: true }).open();
    }

    async function until(commit: () => Promise<{ result: string }>): Promise<void> {
      await waitUntil(async () => (await commit().catch(() => undefined))?.result === 'committed', {
        what: 'the commit',
      });
    }

    test('one phase: the receipt tells before, while and after, and across a crash', async () => {
      await using fixture = await mariadb.fixture();
      const ready = async (a: number) => {
        const { id, open } = await fixture.run(() => fixture.query(`INSERT INTO t VALUES (${a})`));
        const vote = await open.ready();
        if (vote.vote !== 'ready') throw new Error(vote.vote);
        return { id, open, receipt: vote.receipt };
      };
      const done = await ready(1);
      expect(await fixture.resource.settle(done.id, done.receipt)).toEqual({
        result: 'in-progress',
      });
      expect(await done.open.commitOnePhase()).toEqual({ result: 'committed' });
      expect(await fixture.resource.settle(done.id, done.receipt)).toEqual({ result: 'committed' });
      const rolledBack = await ready(2);
      await rolledBack.open.rollback();
      expect(await fixture.resource.settle(rolledBack.id, rolledBack.receipt)).toEqual({
        result: 'rolled-back',
      });
      const lost = await ready(3);
      // What a server leaves that is killed within a commit of one phase, where it has a binary log.
      const halfway = await ready(4);
      await fixture.rawConnection?.promise().query(`XA PREPARE ${xidOf(halfway.id)}`);
      await mariadb.server.kill9();
      expect(await errorOf(lost.open.commitOnePhase())).toMatchObject({ code: 'rm-unavailable' });
      await lost.open.rollback();
      await halfway.open.rollback();
      await mariadb.server.restart();
      const settled = await Promise.all(
        [done, rolledBack, lost, halfway].map(({ id, receipt }) =>
          fixture.resource.settle(id, receipt),
        ),
      );
      expect(settled.map(({ result }) => result)).toEqual([
        'committed',
        'rolled-back',
        'rolled-back',
        'committed',
      ]);
      const readOnly = await fixture.run(() => fixture.query('SELECT 1'));
      expect(await readOnly.open.ready()).toEqual({ vote: 'read-only' });
      expect(fixture.values()).toEqual([1, 4]);
      expect(fixture.listed()).toEqual([]);
    });

    test('a connection that is killed dooms its branch, and the process lives on', async () => {
      await using fixture = await mariadb.fixture();
      const { open, dooms } = await fixture.run(async () => {
        await fixture.query('INSERT INTO t VALUES (1)');
        fixture.sql(`KILL ${String(fixture.rawConnection?.threadId)}`);
        await waitUntil(() => (fixture.host.current?.dooms.length ?? 0) > 0, { what: 'the loss' });
        const error = await errorOf(fixture.query('INSERT INTO t VALUES (2)'));
        expect(error).toMatchObject({ code: 'branch-doomed' });
      });
      expect(dooms).toMatchObject([{ code: 'rm-unavailable', retryable: true }]);
      expect(await errorOf(open.prepare())).toMatchObject({ code: 'rm-unavailable' });
      await open.rollback();
      expect(fixture.values()).toEqual([]);
      const again = await fixture.prepared(() => fixture.query('INSERT INTO t VALUES (3)'));
      expect(await fixture.commit(again)).toEqual({ result: 'committed' });
    });

    test('a lock timeout dooms the branch where it rolls back the transaction', async () => {
      await using fixture = await mariadb.fixture();
      await using other = await sibling(fixture);
      fixture.sql('CREATE TABLE l (a int PRIMARY KEY) ENGINE=InnoDB; INSERT INTO l VALUES (1)');
      const holder = await other.run(() => other.query('SELECT * FROM l FOR UPDATE'));
      const { open, dooms } = await fixture.run(async () => {
        await fixture.query('INSERT INTO t VALUES (3)');
        const error = await errorOf(fixture.query('SELECT * FROM l FOR UPDATE NOWAIT'));
        expect(error).toMatchObject({ errno: 1205 });
      });
      const rollsBack = 'innodb_rollback_on_timeout' in settings;
      expect(dooms).toMatchObject(rollsBack ? [{ code: 'serialization-failure' }] : []);
      const vote = await open.prepare().catch(({ code }: { code: string }) => code);
      expect(vote).toEqual(
        rollsBack ? 'serialization-failure' : expect.objectContaining({ vote: 'yes' }),
      );
      await open.rollback();
      await holder.open.rollback();
      await fixture.clear();
      expect(fixture.values()).toEqual([]);
    });

    test('lost while it prepares: votes no, and what landed is found', async () => {
      await using fixture = await mariadb.fixture();
      const { open, id } = await fixture.run(() => fixture.query('INSERT INTO t VALUES (1)'));
      const raw = fixture.rawConnection as PoolConnection & { stream: { destroy(): void } };
      const query = raw.query.bind(raw) as (...args: unknown[]) => unknown;
      // The statement goes out, and the answer meets nobody.
      raw.query = ((...args: unknown[]) => {
        const sent = query(...args);
        const { sql } = args[0] as { sql?: string };
        if (sql?.startsWith('XA PREPARE')) setTimeout(() => raw.stream.destroy(), 0);
        return sent;
      }) as never;
      const voted = await open.prepare().catch((error: Error) => error);
      await open.rollback();
      // The answer may have come first; the session ends a little later in either case.
      if (voted instanceof Error) expect(voted).toMatchObject({ code: 'rm-unavailable' });
      const isOver = async () => {
        for (const found of await fixture.resource.scan()) {
          expect(found).toEqual(id);
          await fixture.resource.abort(found, '').catch(() => undefined);
        }
        return fixture.listed().length === 0;
      };
      await waitUntil(isOver, { what: 'what landed to be aborted' });
      await fixture.allOver();
      expect(fixture.values()).toEqual([]);
    });
  });
}
