import type { BlockingCase } from './cases.ts';
import type { CaseRun } from './run-case.ts';

/** Median and the value that 99 of 100 runs stay below, in milliseconds. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** One case with all its runs. */
export interface Row extends BlockingCase {
  readonly inDoubt: string;
  readonly locks: string;
  readonly fate: string;
  /** How long a writer waited, in whichever database it waited longer. */
  readonly blockedMs: Spread;
  readonly readerMs: Spread;
  readonly isOldValue: boolean;
  readonly isWriterRefused: boolean;
  readonly halfMs: Spread;
  readonly runs: number;
}

/** Below it nobody waited for anything but the look itself. */
const nothingMs = 100;

/** Sums the runs of a case up. */
export function rowOf(one: BlockingCase, runs: readonly CaseRun[]): Row {
  const seen = runs.flatMap(({ orders, stock }) => [orders, stock]);
  const isTwoPhase = one.way === 'two-phase commit';
  const blocked = spreadOf(
    runs.map(({ orders, stock }) => Math.max(orders.writerMs, stock.writerMs)),
  );
  return {
    ...one,
    inDoubt: isTwoPhase ? inDoubtText(runs.map(({ inDoubt }) => inDoubt)) : 'nobody',
    locks: [...new Set(seen.flatMap(({ locks }) => locks))].toSorted().join(', '),
    fate: listed(runs.map(({ fate }) => fate)),
    blockedMs: blocked.p50 < nothingMs ? { p50: 0, p99: blocked.p99 } : blocked,
    readerMs: spreadOf(seen.map(({ readerMs }) => readerMs)),
    isOldValue: seen.every(({ isOldValue }) => isOldValue),
    isWriterRefused: seen.some(({ isWriterRefused }) => isWriterRefused),
    halfMs: spreadOf(runs.map(({ halfMs }) => halfMs)),
    runs: runs.length,
  };
}

/** Who was in doubt each time, and who was seen so before it had heard of the end. */
function inDoubtText(runs: readonly (readonly string[])[]): string {
  const seen = [...new Set(runs.flat())].toSorted();
  const always = seen.filter((rm) => runs.every((held) => held.includes(rm)));
  const others = seen.filter((rm) => !always.includes(rm));
  const text = always.join(', ') || 'nobody';
  return others.length > 0 ? `${text} (at first perhaps ${others.join(', ')})` : text;
}

function listed(texts: readonly string[]): string {
  return [...new Set(texts)].toSorted().join(' or ');
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

/** The tables of docs/blocking.md. */
export function tablesOf(rows: readonly Row[]): string {
  const twoPhase = rows.filter(({ way }) => way === 'two-phase commit');
  const others = rows.filter(({ way }) => way !== 'two-phase commit');
  const [first] = rows;
  return [
    `Each case ${first?.runs ?? 0} times; times in milliseconds, p50 / p99 (of so few: the longest).`,
    '',
    '| Hit | In doubt | A writer of the row waits | With `lock_timeout` 100 ms | A reader meanwhile | Readers see half | Outcome | Ended by |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...twoPhase.map((row) =>
      cells(
        row.hit,
        row.inDoubt,
        textOf(row.blockedMs),
        row.isWriterRefused ? 'error 55P03' : 'gets through',
        `${row.isOldValue ? 'old value' : 'old value until the commit'}, at most ${Math.ceil(row.readerMs.p99)} ms`,
        textOf(row.halfMs),
        row.fate,
        row.endedBy,
      ),
    ),
    '',
    `Locks of the prepared transactions in all cases: ${[...new Set(twoPhase.flatMap(({ locks }) => locks.split(', ')))].filter((lock) => lock !== '').join(', ')}.`,
    '',
    'The same order without two-phase commit:',
    '',
    '| Way | Hit | A writer of the row waits | Readers see half | Outcome | Ended by |',
    '| --- | --- | --- | --- | --- | --- |',
    ...others.map((row) =>
      cells(
        row.way,
        row.hit,
        textOf(row.blockedMs),
        textOf(row.halfMs),
        row.dish === 'refused' ? 'taken back' : row.fate,
        row.endedBy,
      ),
    ),
  ].join('\n');
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}

function textOf({ p50, p99 }: Spread): string {
  return p50 === 0 ? 'no' : `${Math.round(p50)} / ${Math.round(p99)}`;
}
