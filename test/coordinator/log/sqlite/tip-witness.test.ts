import { readFileSync, statSync, writeFileSync } from 'node:fs';
import type { LogId } from '@unanimous/proto';
import { expect, test } from 'vitest';
import {
  readTip,
  tipPath,
  TipWitness,
} from '../../../../coordinator/src/log/sqlite/tip-witness.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const logId = '0123456789ab' as LogId;

function tip(seq: number): { logId: LogId; epoch: number; seq: number; chain: string } {
  return { logId, epoch: 3, seq, chain: seq.toString(16).padStart(32, '0') };
}

test('gives back the highest tip, again after it was opened anew', () => {
  using dir = tempDir();
  expect(readTip(tipPath(dir.path))).toBeUndefined();
  for (let seq = 1; seq <= 6; seq += 1) {
    const witness = new TipWitness(dir.path);
    witness.note(tip(seq));
    if (seq % 2 === 0) witness.note(tip((seq += 1)));
    witness.sync();
    witness.close();
    expect(readTip(tipPath(dir.path))).toEqual(tip(seq));
  }
  expect(statSync(tipPath(dir.path)).mode & 0o777).toBe(0o600);
});

test('a torn write of the newest leaves the one before, in both slots', () => {
  using dir = tempDir();
  const path = tipPath(dir.path);
  for (let seq = 1; seq <= 4; seq += 1) {
    const before = readTip(path);
    const bytesBefore = before && readFileSync(path);
    const witness = new TipWitness(dir.path);
    witness.note(tip(seq));
    witness.close();
    if (!bytesBefore) continue;
    const whole = readFileSync(path);
    const slotAt = whole.subarray(0, 512).equals(bytesBefore.subarray(0, 512)) ? 4_096 : 0;
    for (let torn = 1; torn < 42; torn += 1) {
      const bytes = Buffer.from(whole);
      bytes.fill(0xff, slotAt + torn, slotAt + 42);
      writeFileSync(path, bytes);
      expect(readTip(path)).toEqual(before);
    }
    writeFileSync(path, whole);
  }
});

test('slots are used in turn, while it is open too', () => {
  using dir = tempDir();
  const path = tipPath(dir.path);
  const witness = new TipWitness(dir.path);
  let before = Buffer.alloc(0);
  for (let seq = 1; seq <= 4; seq += 1) {
    witness.note(tip(seq));
    const bytes = readFileSync(path);
    if (seq > 1) {
      const isFirst = !bytes.subarray(0, 512).equals(before.subarray(0, 512));
      writeFileSync(path, Buffer.from(bytes).fill(0xff, isFirst ? 0 : 4_096, isFirst ? 42 : 4_138));
      expect(readTip(path)).toEqual(tip(seq - 1));
      writeFileSync(path, bytes);
    }
    before = bytes;
  }
  witness.close();
});

test('knows for how long a tip is not synced', () => {
  using dir = tempDir();
  const witness = new TipWitness(dir.path);
  expect(witness.dirtyForMs).toBeUndefined();
  witness.note(tip(1));
  expect(witness.dirtyForMs).toBeGreaterThanOrEqual(0);
  witness.sync();
  expect(witness.dirtyForMs).toBeUndefined();
  witness.close();
});
