import type { LogId } from '@unanimous/proto';
import { expect, test } from 'vitest';
import {
  checkEpochs,
  epochRecord,
  type EpochTable,
  epochTableRecord,
  lastEpoch,
  noteEpoch,
  reaches,
} from '../../../coordinator/src/log/epoch-table.ts';
import type { Frame, FrameContent } from '../../../coordinator/src/log/record-codec.ts';

const logId = '0123456789ab' as LogId;
const holder = { name: 'a', address: 'b' };

function frame(epoch: number, seq: number, content?: FrameContent): Frame {
  const ended = { kind: 'ended', payload: '{}' } as const;
  return { logId, epoch, seq, origin: { epoch, seq }, prev: '', ...(content ?? ended) };
}

function tableOf(frames: readonly Frame[]): EpochTable {
  const table: EpochTable = new Map();
  for (const each of frames) noteEpoch(table, each);
  return table;
}

function position(epoch: number, nonce: string, seq: number): Parameters<typeof reaches>[1] {
  return { logId, epoch, nonce, seq, chain: '' };
}

test('reaches every position of an epoch up to its last record, and none beyond', () => {
  const table = tableOf([
    frame(1, 2, epochRecord('aa', holder)),
    frame(1, 3),
    frame(2, 4, epochRecord('bb', holder)),
  ]);
  expect(reaches(table, position(1, 'aa', 3))).toBe(true);
  expect(reaches(table, position(1, 'aa', 4))).toBe(false);
  expect(reaches(table, position(1, 'bb', 3))).toBe(false);
  expect(reaches(table, position(2, 'bb', 4))).toBe(true);
  expect(reaches(table, position(3, 'cc', 4))).toBe(false);
  expect(lastEpoch(table)).toBe(2);
});

test('the table outlives the records that began its epochs', () => {
  const before = tableOf([frame(1, 2, epochRecord('aa', holder)), frame(1, 7)]);
  // What compaction leaves: records of the epoch, and the table behind them.
  const after = tableOf([frame(1, 7), frame(1, 8, epochTableRecord(before)), frame(1, 9)]);
  checkEpochs(after);
  expect(after).toEqual(new Map([[1, { nonce: 'aa', lastSeq: 9 }]]));
});

test('records of a start-up, which nobody was told of, extend no epoch', () => {
  const before = tableOf([frame(1, 2, epochRecord('aa', holder))]);
  const after = tableOf([frame(0, 3, epochTableRecord(before)), frame(0, 4)]);
  expect(after).toEqual(before);
  expect(reaches(after, position(1, 'aa', 3))).toBe(false);
});

test('an epoch that no record began is damage', () => {
  const check = () => checkEpochs(tableOf([frame(1, 7)]));
  expect(check).toThrow(expect.objectContaining({ code: 'log-damaged' }));
});
