import type { LogId } from '@unanimous/proto';
import { describe, expect, test } from 'vitest';
import { newRetention } from '../../../../coordinator/src/log/retention.ts';
import { LogStore } from '../../../../coordinator/src/log/sqlite/log-store.ts';
import {
  packLines,
  toLine,
  unpackLines,
} from '../../../../coordinator/src/log/sqlite/pending-record.ts';
import type { LogRecord } from '../../../../coordinator/src/protocol/record.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { commitDecided, decidedBranch, ended, gidOf } from '../log-records.ts';
import { newestDatabase, openStore } from './log-image.ts';

const holder = { name: 'store', address: '' };

function append(store: LogStore, records: readonly LogRecord[]): number {
  return store.append(unpackLines(packLines(records.map(toLine))));
}

/** A decision that fills more than one batch. */
function hugeDecision(logId: LogId, counter: number): LogRecord {
  const branches = [decidedBranch({ redo: new Uint8Array(1_100_000) })];
  return { kind: 'commit-decided', gid: gidOf(logId, 1, counter), branches };
}

test('an append is a compare-and-swap on the tail: who holds an older end is fenced', () => {
  using dir = tempDir();
  const newer = openStore(dir.path);
  newer.decide(1);
  const { logId, tip } = newer.store;
  const older = {
    epochs: new Map([[tip.epoch, { nonce: 'ab', lastSeq: tip.seq }]]),
    retention: newRetention(),
    records: [],
    end: { logId, ...tip },
    mirror: undefined,
    mirrorNote: undefined,
  };
  newer.store.becomeActive({ name: 'newer', address: '' });
  newer.close();
  const stale = new LogStore(newestDatabase(dir.path), older, () => {});
  const appendLate = () => append(stale, [commitDecided(gidOf(logId, 1, 9))]);
  expect(appendLate).toThrow(expect.objectContaining({ code: 'not-active' }));
  stale.close();
  const open = openStore(dir.path);
  expect(open.decisions()).toEqual(['1-1']);
  open.close();
});

describe('compaction in part', () => {
  test('carries old records behind newer ones, and hands them over in their first order', () => {
    using dir = tempDir();
    const open = openStore(dir.path);
    const { store } = open;
    const { logId } = store.becomeActive(holder);
    const gid = (counter: number) => gidOf(logId, 1, counter);
    append(store, [commitDecided(gid(1)), commitDecided(gid(2)), ended(gid(2))]);
    append(store, [{ kind: 'forgotten', through: { epoch: 1, counter: 2 } }]);
    append(store, [hugeDecision(logId, 3)]);
    append(store, [commitDecided(gid(4))]);
    const before = store.tip;
    expect(store.compactStep(before.seq)).toEqual({ readCount: 6, droppedCount: 2, more: true });
    // The table of epochs, the first decision and the mark went to the end.
    expect(store.tip.seq).toBe(before.seq + 3);
    expect(open.decisions()).toEqual(['1-1', '1-3', '1-4']);
    open.close();
    const again = openStore(dir.path);
    expect(again.decisions()).toEqual(['1-1', '1-3', '1-4']);
    again.close();
  });

  test('keeps an `ended` whose decision was carried behind it, until that is gone', () => {
    using dir = tempDir();
    const open = openStore(dir.path);
    const { store } = open;
    const { logId } = store.becomeActive(holder);
    const gid = (counter: number) => gidOf(logId, 1, counter);
    append(store, [commitDecided(gid(1))]);
    append(store, [hugeDecision(logId, 2)]);
    append(store, [ended(gid(1)), hugeDecision(logId, 3)]);
    store.compactStep(store.tip.seq); // not forgotten yet: the decision goes to the end
    append(store, [{ kind: 'forgotten', through: { epoch: 1, counter: 1 } }]);
    const untilSeq = store.tip.seq;
    for (let step = 0; step < 2; step += 1) {
      // Nothing is dropped where `ended` stands, for the decision is still behind it.
      expect(store.compactStep(untilSeq)).toMatchObject({ droppedCount: 0, more: true });
    }
    open.close();
    const again = openStore(dir.path);
    expect(again.decisions()).toEqual(['1-2', '1-3']);
    again.close();
  });
});

test('holds a position only in its own epoch', () => {
  using dir = tempDir();
  const open = openStore(dir.path);
  const { store } = open;
  const first = store.becomeActive(holder);
  open.decide(1);
  const { seq, chain } = store.tip;
  const second = store.becomeActive(holder);
  expect(store.holds({ ...first, seq, chain })).toBe(true);
  expect(store.holds({ ...second, seq, chain })).toBe(false);
  expect(store.holds({ ...first, seq: seq + 1, chain: '' })).toBe(false);
  open.close();
});
