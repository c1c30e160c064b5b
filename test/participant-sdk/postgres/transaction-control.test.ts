import { expect, test } from 'vitest';
import { excerpt, parseSql } from '../../../participant-sdk/src/postgres/parsed-sql.ts';

const controlOf = (sql: string) => parseSql(sql).control;

test.each([
  ['begin', ''],
  ['BEGIN;', ''],
  ['-- trace\nbegin work', ''],
  ['start transaction', ''],
  ['START TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'ISOLATION LEVEL SERIALIZABLE'],
  ['begin isolation level repeatable read, read only', 'ISOLATION LEVEL REPEATABLE READ READ ONLY'],
])('%j begins', (sql, modes) => {
  expect(controlOf(sql)).toEqual({ kind: 'begin', modes });
});

test.each([
  ['set transaction isolation level serializable', 'ISOLATION LEVEL SERIALIZABLE'],
  ['SET TRANSACTION READ ONLY, DEFERRABLE', 'READ ONLY DEFERRABLE'],
])('%j sets modes', (sql, modes) => {
  expect(controlOf(sql)).toEqual({ kind: 'modes', modes });
});

test.each(["set transaction snapshot 'x'", 'set session characteristics as transaction read only'])(
  '%j is for Postgres to understand',
  (sql) => expect(controlOf(sql)).toEqual({ kind: 'plain' }),
);

test.each(['commit', 'COMMIT;', 'end', 'commit work', '/* a */ commit and no chain'])(
  '%j commits',
  (sql) => expect(controlOf(sql)).toEqual({ kind: 'commit' }),
);

test.each(['rollback', 'ROLLBACK TRANSACTION;', 'abort'])('%j rolls back', (sql) =>
  expect(controlOf(sql)).toEqual({ kind: 'rollback' }),
);

test.each([
  ['savepoint Sp1', 'savepoint', 'sp1'],
  ['savepoint "Sp1"', 'savepoint', 'Sp1'],
  ['release sp1', 'release', 'sp1'],
  ['release savepoint "a""b"', 'release', 'a"b'],
  ['rollback to sp1', 'rollback-to', 'sp1'],
  ['rollback work to savepoint sp1;', 'rollback-to', 'sp1'],
])('%j is %s of %s', (sql, kind, savepoint) => {
  expect(controlOf(sql)).toEqual({ kind, savepoint });
});

test.each([
  ['insert into t values (1); commit', 'COMMIT'],
  ['begin; insert into t values (1)', 'BEGIN'],
  ['select 1; /* x */ RollBack', 'ROLLBACK'],
  ['select 1; savepoint a', 'SAVEPOINT A'],
  ['commit and chain', 'COMMIT AND CHAIN'],
  ["prepare transaction 'x'", 'PREPARE TRANSACTION'],
  ["commit prepared 'x'", 'COMMIT PREPARED'],
  ["rollback prepared 'x'", 'ROLLBACK PREPARED'],
  ['begin isolation level quantum', 'BEGIN ISOLATION LEVEL QUANTUM'],
  [String.raw`select '\'; commit; --'`, 'COMMIT'],
  [String.raw`select '\'';commit;select '\'`, 'COMMIT'],
  ['create function f() returns int begin atomic select 1; end; commit', 'COMMIT'],
  ['create function f() returns int begin atomic end; end', 'END'],
])('%j is refused, naming %s', (sql, statement) => {
  expect(controlOf(sql)).toEqual({ kind: 'refused', statement });
});

test.each([
  "insert into t values ('; commit')",
  'select 1; select 2',
  'prepare p as select 1',
  'select "commit"',
  'create or replace procedure f() begin atomic select 1; select case when true then 1 end; end',
  '',
])('%j is no transaction control', (sql) => {
  expect(controlOf(sql)).toEqual({ kind: 'plain' });
});

test('what may leak into the session is noticed', () => {
  const leaking = ['set a = 1', 'select set_config($1, $2, false)', 'create temp table t ()'];
  leaking.push('select pg_advisory_lock(1)', 'prepare p as select 1', 'select 1; reset all');
  for (const sql of leaking) expect(parseSql(sql).mayLeak, sql).toBe(true);
  const clean = [
    'set local a = 1',
    'select pg_advisory_xact_lock(1)',
    'set constraints all deferred',
  ];
  for (const sql of clean) expect(parseSql(sql).mayLeak, sql).toBe(false);
});

test('a notification is noticed', () => {
  for (const sql of ['notify a', "select pg_notify('a', '')", 'NOTIFY a; select 1']) {
    expect(parseSql(sql).mentionsNotify, sql).toBe(true);
  }
  expect(parseSql("select 'notify'").mentionsNotify).toBe(false);
});

test('an excerpt is one short line', () => {
  expect(excerpt('select\n  1')).toBe('select 1');
  expect(excerpt('x'.repeat(500)).length).toBe(201);
});
