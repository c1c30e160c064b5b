import { formatBranchId } from '@unanimous/proto';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readXid, xidOf } from '../../../participant-sdk/src/mysql/xid.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, Fixture, pause, type Prepared, TestMariadb } from './branches.ts';

serverOrSkip('mariadb').describe('phase two of a MariaDB branch', () => {
  let mariadb: TestMariadb;
  let fixture: Fixture;
  const insert = () => fixture.query('INSERT INTO t VALUES (1)');
  const sibling = (options = {}) => new Fixture(mariadb.server, fixture.database, options).open();

  beforeAll(async () => {
    mariadb = await TestMariadb.start();
    fixture = await mariadb.fixture();
  });
  afterEach(() => fixture.clear());
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await mariadb.server.stop();
  });

  test('commit is idempotent, and so is abort', async () => {
    const committed = await fixture.prepared(insert);
    for (let n = 0; n < 3; n++)
      expect(await fixture.commit(committed)).toEqual({ result: 'committed' });
    const aborted = await fixture.prepared(insert);
    const { id, receipt } = aborted;
    for (let n = 0; n < 3; n++) {
      expect(await fixture.resource.abort(id, receipt)).toEqual({ result: 'rolled-back' });
    }
    expect(await fixture.resource.abort(id, '')).toEqual({ result: 'rolled-back' });
    expect(await fixture.resource.abort(committed.id, committed.receipt)).toEqual({
      result: 'committed',
    });
    expect(await fixture.commit(aborted)).toMatchObject({
      result: 'rolled-back',
      reason: { code: 'heuristic' },
    });
  });

  test('the preparing instance commits on its own connection, and the pool gets it back', async () => {
    const prepared = await fixture.prepared(insert);
    const { threadId } = fixture.rawConnection ?? {};
    await fixture.commit(prepared);
    expect(await fixture.query('SELECT CONNECTION_ID() AS id')).toEqual([{ id: threadId }]);
  });

  test('XAER_NOTA while the preparer is connected is not "committed": it is asked again', async () => {
    await using other = await sibling();
    const prepared = await fixture.prepared(insert);
    const before = fixture.values().length;
    expect(await errorOf(other.commit(prepared))).toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
      message: expect.stringContaining('session has not ended'),
    });
    const abort = other.resource.abort(prepared.id, prepared.receipt);
    expect(await errorOf(abort)).toMatchObject({ code: 'rm-unavailable', retryable: true });
    expect(fixture.values()).toHaveLength(before);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await other.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('after a second without a decision any instance can commit', async () => {
    await using other = await sibling();
    const prepared = await fixture.prepared(insert);
    const commit = () => other.commit(prepared).catch(() => undefined);
    await waitUntil(async () => (await commit())?.result === 'committed', {
      what: 'the session to end',
    });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('an instance that closes leaves its branches to others', async () => {
    const other = await sibling();
    const prepared = await other.prepared(() => other.query('INSERT INTO t VALUES (2)'));
    await other[Symbol.asyncDispose]();
    expect(await fixture.resource.scan()).toEqual([prepared.id]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('an OK is no acknowledgement without the receipt: a session that was reset', async () => {
    const { id, receipt, reset } = await preparedAndReset();
    const before = fixture.values().length;
    // The server answers OK, and nothing is committed.
    expect(await errorOf(fixture.commit({ id, receipt }))).toMatchObject({
      code: 'rm-unavailable',
    });
    expect(fixture.values()).toHaveLength(before);
    expect(await errorOf(fixture.commit({ id, receipt }))).toMatchObject({
      code: 'rm-unavailable',
    });
    reset.destroy();
    await mariadb.server.kill9();
    await mariadb.server.restart();
    await fixture.open();
    expect(await fixture.resource.scan()).toEqual([id]);
    expect(await fixture.commit({ id, receipt })).toEqual({ result: 'committed' });
    expect(fixture.values()).toHaveLength(before + 1);
  });

  /** What a pool does to a prepared connection that is given back to it. */
  async function preparedAndReset() {
    const { id, receipt } = await fixture.prepared(insert);
    await fixture.resource.abort(id, receipt);
    const reset = await createConnection(mariadb.server.options(fixture.database));
    reset.on('error', () => {});
    const statements = [
      `XA START ${xidOf(id)}`,
      'INSERT INTO t VALUES (3)',
      `INSERT INTO unanimous_receipts (branch, log_id, epoch, counter)
        VALUES ('un1.${id.gid}.1.${id.incarnation}.orders', '0123456789ab', 1, 1)`,
      `XA END ${xidOf(id)}`,
      `XA PREPARE ${xidOf(id)}`,
    ];
    for (const statement of statements) await reset.query(statement);
    await reset.reset();
    return { id, receipt, reset };
  }

  test('by hand: rolled back is a heuristic, committed is committed', async () => {
    await using other = await sibling({ rm: 'orders' });
    const byHand = async (verb: string) => {
      const prepared = await fixture.prepared(insert);
      // Somebody waits for the session to end, and then acts.
      const act = () => fixture.sql(`XA ${verb} ${xidOf(prepared.id)}`);
      await waitUntil(() => attempt(act), { what: `XA ${verb} by hand` });
      return prepared;
    };
    expect(await other.commit(await byHand('ROLLBACK'))).toMatchObject({
      result: 'rolled-back',
      reason: { code: 'heuristic' },
    });
    const committed = await byHand('COMMIT');
    expect(await other.resource.abort(committed.id, committed.receipt)).toEqual({
      result: 'committed',
    });
  });

  function attempt(act: () => unknown): boolean {
    try {
      act();
      return true;
    } catch {
      return false;
    }
  }

  test('a branch that was never prepared has no receipt', async () => {
    const never: Prepared = { ...(await fixture.prepared(insert)) };
    await fixture.resource.abort(never.id, never.receipt);
    expect(await fixture.commit({ ...never, receipt: '' })).toMatchObject({ result: 'unknown' });
    expect(await fixture.commit({ ...never, receipt: '{}' })).toMatchObject({ result: 'unknown' });
    const elsewhere = JSON.stringify({ database: 'zzzzzzzz', incarnation: 1 });
    expect(await fixture.commit({ ...never, receipt: elsewhere })).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('another database') },
    });
  });

  test('a scan finds this resource’s branches in this database, and no others', async () => {
    await using neighbour = await mariadb.fixture();
    await using named = await sibling({ rm: 'orders.eu' });
    const ours = await fixture.prepared(insert);
    const theirs = await neighbour.prepared(() => neighbour.query('INSERT INTO t VALUES (1)'));
    const others = await named.prepared(() => named.query('INSERT INTO t VALUES (1)'));
    const foreign = await createConnection(mariadb.server.options(fixture.database));
    const xids = [
      "'other'",
      "X'00ff'',X'fe27',7".replace("''", "'"),
      "'un1.nonsense','x'",
      `'${'g'.repeat(64)}','${'b'.repeat(64)}'`,
    ];
    for (const xid of xids) {
      for (const verb of ['START', 'END', 'PREPARE']) await foreign.query(`XA ${verb} ${xid}`);
      await foreign.query(`XA ROLLBACK ${xid}`);
    }
    for (const verb of ['START', 'END', 'PREPARE'])
      await foreign.query(`XA ${verb} X'00ff',X'fe27',7`);

    expect(fixture.listed()).toHaveLength(4);
    expect(await fixture.resource.scan()).toEqual([ours.id]);
    expect(await neighbour.resource.scan()).toEqual([theirs.id]);
    expect(await named.resource.scan()).toEqual([others.id]);
    await foreign.query("XA ROLLBACK X'00ff',X'fe27',7");
    await foreign.end();
    await fixture.commit(ours);
    await neighbour.commit(theirs);
    await named.commit(others);
  });

  test('reads what XA RECOVER lists as bytes or as text, and nothing that is not ours', () => {
    const id = {
      gid: '0123456789ab-1-7' as never,
      branch: 2,
      rm: 'a.b',
      incarnation: 'abcdefgh-1',
    };
    const [gtrid, bqual] = ['un1.0123456789ab-1-7.2', 'abcdefgh-1.a.b'];
    const row = {
      formatID: 1,
      gtrid_length: gtrid.length,
      bqual_length: bqual.length,
      data: gtrid + bqual,
    };
    expect(xidOf(id)).toBe(`'${gtrid}','${bqual}'`);
    const read = (change: object, rm = 'a.b') => readXid({ ...row, ...change }, rm);
    expect(read({})).toEqual(id);
    expect(read({ data: Buffer.from(row.data), gtrid_length: String(gtrid.length) })).toEqual(id);
    expect(read({}, 'b')).toBeUndefined();
    expect(read({}, 'a')).toBeUndefined();
    expect(read({ formatID: 2 })).toBeUndefined();
    expect(read({ gtrid_length: 3 })).toBeUndefined();
    expect(read({ data: Buffer.from([0, 255]), gtrid_length: 1, bqual_length: 1 })).toBeUndefined();
    const longest = '9'.repeat(15);
    const last = { gid: `0123456789ab-${longest}-${longest}` as never, branch: 999_999 };
    for (const rm of ['r'.repeat(48), 'r'.repeat(49), 'r'.repeat(63), 'r'.repeat(64)]) {
      const widest = { ...last, rm, incarnation: 'abcdefgh-999999' };
      expect(readXid(rowOf(xidOf(widest)), rm)).toEqual(widest);
      expect(readXid(rowOf(xidOf(widest)), 'r'.repeat(50))).toBeUndefined();
    }
    expect(() => xidOf({ ...id, rm: "x','y" })).toThrow(/not a branch id/);
  });

  function rowOf(xid: string) {
    const [gtrid = '', bqual = ''] = xid.slice(1, -1).split("','");
    return {
      formatID: 1,
      gtrid_length: gtrid.length,
      bqual_length: bqual.length,
      data: gtrid + bqual,
    };
  }

  test('has connections of its own: open branches may hold all of the user’s pool', async () => {
    await using own = await sibling({ connectionLimit: 2 });
    const prepared = await own.prepared(() => own.query('INSERT INTO t VALUES (2)'));
    const holders = [await own.run(() => own.query('INSERT INTO t VALUES (3)'))];
    const waiting = own.run(() => own.query('INSERT INTO t VALUES (3)'));
    expect(await own.commit(prepared)).toEqual({ result: 'committed' });
    holders.push(await waiting);
    expect(await own.resource.scan()).toEqual([]);
    await Promise.all(holders.map(({ open }) => open.rollback()));
  });

  test('several commits of one branch at once: done, or asked again', async () => {
    const prepared = await fixture.prepared(insert);
    const all = await Promise.allSettled([1, 2, 3, 4].map(() => fixture.commit(prepared)));
    for (const each of all) {
      if (each.status === 'fulfilled') expect(each.value).toEqual({ result: 'committed' });
      else expect(each.reason).toMatchObject({ code: 'rm-unavailable', retryable: true });
    }
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('positions: the highest one is remembered, for each log', async () => {
    const { resource } = fixture;
    const logId = '0123456789ab' as never;
    const at = (epoch: number, seq: number) => ({
      ...{ logId, epoch, seq },
      ...{ nonce: `n${epoch}`, chain: `c${seq}` },
    });
    expect(await resource.remembered(logId)).toBeUndefined();
    await resource.remember(at(2, 9_007_199_254_740_000));
    expect(await resource.remembered(logId)).toEqual(at(2, 9_007_199_254_740_000));
    await resource.remember(at(2, 5));
    await resource.remember(at(1, 9_007_199_254_740_001));
    expect(await resource.remembered(logId)).toEqual(at(2, 9_007_199_254_740_000));
    await resource.remember(at(3, 1));
    expect(await resource.remembered(logId)).toEqual(at(3, 1));
    expect(await resource.remembered('ba9876543210' as never)).toBeUndefined();
  });

  test('audit rows: written once, the newest of each branch is read', async () => {
    const { resource } = fixture;
    const entry = {
      gid: '0123456789ab-1-1' as never,
      branch: 1,
      result: 'committed',
      reason: 'by Jo',
    } as const;
    await resource.audit?.(entry);
    await resource.audit?.(entry);
    expect(fixture.sql('SELECT COUNT(*) FROM unanimous_audit')).toBe('1\n');
    await resource.audit?.({
      ...entry,
      result: 'rolled-back',
      reason: 'on second thoughts — "no"',
    });
    await resource.audit?.({ ...entry, branch: 2 });
    expect(await resource.audited?.()).toEqual([
      { ...entry, branch: 2 },
      { ...entry, result: 'rolled-back', reason: 'on second thoughts — "no"' },
    ]);
  });

  test('receipts go when the low-water mark has passed a younger decision, and not by age', async () => {
    await using own = await mariadb.fixture({ keepReceiptsMs: 0 });
    const receipts = () =>
      Number(own.sql("SELECT COUNT(*) FROM unanimous_receipts WHERE branch LIKE 'un1.%'"));
    const commit = async (seq: number, lowWaterSeq: number) => {
      const prepared = await own.prepared(() => own.query('INSERT INTO t VALUES (1)'));
      await own.commit(prepared, { seq, lowWaterSeq });
      return prepared;
    };
    const first = await commit(1, 1); // and lists it
    await commit(2, 1); // younger than the list
    await pause(1_050);
    await commit(3, 1); // its own commit may be asked for again
    await pause(50);
    expect(receipts()).toBe(3);
    let seq = 3;
    const isFirstGone = async () => {
      await commit((seq += 1), 4); // all below 4 is acknowledged
      const name = formatBranchId(first.id);
      return own.sql(`SELECT COUNT(*) FROM unanimous_receipts WHERE branch = '${name}'`) === '0\n';
    };
    await waitUntil(isFirstGone, { what: 'the first receipt to be deleted', intervalMs: 200 });
    // Gone, it does not say "rolled back".
    expect(await own.commit(first)).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('deleted') },
    });
  });
});
