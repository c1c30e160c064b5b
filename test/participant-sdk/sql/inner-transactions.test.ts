import { fc } from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import { InnerTransactions } from '../../../participant-sdk/src/sql/inner-transactions.ts';

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** A server's savepoints, and the statements that it would keep. */
class FakeTransaction {
  readonly #savepoints: { name: string; at: number }[] = [];
  readonly kept: { lease: object; transaction: number | undefined }[] = [];

  run(sql: string): void {
    const [verb, ...rest] = sql.replaceAll('"', '').split(' ');
    const name = rest.at(-1) ?? '';
    if (verb === 'SAVEPOINT') this.#savepoints.push({ name, at: this.kept.length });
    else if (verb === 'RELEASE') this.#savepoints.length = this.#find(name);
    else if (verb === 'ROLLBACK') {
      const index = this.#find(name);
      this.kept.length = this.#savepoints[index]?.at ?? 0;
      this.#savepoints.length = index + 1;
    }
  }

  get depth(): number {
    return this.#savepoints.length;
  }

  #find(name: string): number {
    const index = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (index < 0) throw new Error(`savepoint ${name} does not exist`);
    return index;
  }
}

const step = fc.record({
  lease: fc.integer({ min: 0, max: 2 }),
  act: fc.constantFrom('begin', 'commit', 'rollback', 'statement', 'statement'),
});

test('side by side, a rollback undoes its own statements or says it harms others', () => {
  const reached = { harmed: 0, rolledBack: 0, deferred: 0 };
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const inner = new InnerTransactions(quoted);
    const server = new FakeTransaction();
    const leases = [{}, {}, {}];
    const begun: number[][] = [[], [], []];
    let expected: { lease: object; transaction: number | undefined }[] = [];
    let transactionCount = 0;
    for (const { lease: which, act } of steps) {
      const lease = leases[which] as object;
      const own = begun[which] as number[];
      if (act === 'begin') {
        const name = inner.nextName();
        server.run(`SAVEPOINT ${name}`);
        inner.begin(lease, name);
        own.push((transactionCount += 1));
      } else if (act === 'statement') {
        inner.statement(lease);
        const statement = { lease, transaction: own.at(-1) };
        server.kept.push(statement);
        expected.push(statement);
      } else if (act === 'commit') {
        const sql = inner.commit(lease);
        expect(sql === undefined).toBe(own.length === 0);
        if (sql === '') reached.deferred += 1;
        if (sql) server.run(sql);
        const ended = own.pop();
        // What it has written belongs to the one around it now.
        for (const each of expected) {
          if (ended !== undefined && each.transaction === ended) each.transaction = own.at(-1);
        }
      } else {
        const rollback = inner.rollback(lease);
        expect(rollback === undefined).toBe(own.length === 0);
        if (rollback === undefined || rollback === 'all') continue;
        const undone = own.pop();
        if (rollback.harmsOthers) {
          reached.harmed += 1;
          return; // the branch is doomed: nothing of it is kept
        }
        reached.rolledBack += 1;
        for (const sql of rollback.statements) server.run(sql);
        expected = expected.filter((each) => each.transaction !== undone);
        expect(server.kept).toEqual(expected);
      }
    }
    expect(inner.hasUnfinished()).toBe(begun.flat().length > 0);
    if (begun.flat().length === 0) expect(server.depth).toBe(0);
  });
  fc.assert(property, { numRuns: 6_000 });
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(50);
});

test('the transaction that opened the branch needs no savepoint', () => {
  const inner = new InnerTransactions(quoted);
  const lease = {};
  inner.open(lease);
  expect(inner.hasUnfinished()).toBe(true);
  expect(inner.commit(lease)).toBe('');
  expect(inner.hasUnfinished()).toBe(false);
  expect(inner.commit(lease)).toBeUndefined();
  inner.open(lease);
  expect(inner.rollback(lease)).toBe('all');
});

test('savepoints of the user’s own are released and rolled back by name', () => {
  const inner = new InnerTransactions(quoted);
  const [one, two] = [{}, {}];
  inner.savepoint(one, 'Sp"1');
  inner.savepoint(one, 'b');
  expect(inner.rollbackTo(one, 'b')).toBe(false);
  expect(inner.release(one, 'Sp"1')).toBe('RELEASE SAVEPOINT "Sp""1"');
  expect(inner.release(one, 'b')).toBeUndefined();

  inner.savepoint(one, 'c');
  inner.statement(two);
  expect(inner.rollbackTo(one, 'c')).toBe(true);
});
