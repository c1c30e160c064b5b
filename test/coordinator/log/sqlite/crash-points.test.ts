import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LogId } from '@unanimous/proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CrashPoint,
  crashPoints,
  type OnCrashPoint,
} from '../../../../coordinator/src/log/sqlite/crash-points.ts';
import { readTip, tipPath } from '../../../../coordinator/src/log/sqlite/tip-witness.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { commitDecided, ended, gidOf } from '../log-records.ts';
import { InThreadEngine } from './in-thread-engine.ts';
import { copyCrashed, openStore } from './log-image.ts';

/** What a crash at some moment leaves, and what somebody was told before it. */
interface Crash {
  readonly point: CrashPoint;
  readonly dir: string;
  /** Decisions that were acknowledged and are not known to have ended. */
  readonly acked: readonly string[];
  /** Decisions that were asked for. */
  readonly asked: readonly string[];
  /** The highest seq that somebody was told of. */
  readonly toldSeq: number;
}

let root: TempDir;
const crashes: Crash[] = [];

beforeAll(() => {
  root = tempDir();
  liveOnce(root.file('life'));
});

afterAll(() => root.remove());

/** Copies the files at every crash point of a life: three starts with appends and compaction. */
function liveOnce(dir: string): void {
  mkdirSync(dir);
  const acked: string[] = [];
  const asked: string[] = [];
  let nextCounter = 1;
  let toldSeq = 0;
  const crash: OnCrashPoint = (point) => {
    const copy = root.file(`crash-${crashes.length + 1}`);
    copyCrashed(dir, copy);
    crashes.push({ point, dir: copy, acked: [...acked], asked: [...asked], toldSeq });
  };
  for (let start = 1; start <= 3; start += 1) {
    const engine = new InThreadEngine(dir, crash);
    const { logId } = engine.ask('open') as { logId: LogId };
    engine.ask('becomeActive', { name: 'life', address: '' });
    const gid = (counter: number) => gidOf(logId, start, counter);
    for (let n = 0; n < 4; n += 1) {
      const counter = (nextCounter += 1);
      asked.push(`${start}-${counter}`);
      toldSeq = engine.append([commitDecided(gid(counter))]);
      acked.push(`${start}-${counter}`);
    }
    acked.pop(); // the last one ends, and is forgotten
    engine.append([ended(gid(nextCounter))]);
    engine.append([{ kind: 'forgotten', through: { epoch: start, counter: nextCounter } }]);
    engine.ask('compact');
    engine.ask('close');
  }
}

/** Decisions that a start finds; `crash` sees the crash points of this start. */
function startedDecisions(dir: string, crash: OnCrashPoint = () => {}): string[] {
  const open = openStore(dir, { reached: crash });
  const decisions = open.decisions();
  open.close();
  return decisions;
}

test('every crash point was reached', () => {
  const reached = new Set(crashes.map(({ point }) => point));
  expect([...reached].toSorted()).toEqual([...crashPoints].toSorted());
});

test('the witness knows all that somebody was told of', () => {
  for (const { point, dir, toldSeq } of crashes) {
    expect(readTip(tipPath(dir))?.seq ?? 0, point).toBeGreaterThanOrEqual(toldSeq);
  }
});

describe.each(crashPoints)('a crash at %s', (point) => {
  test('leaves what was acknowledged, and the same answer for ever, crashing again', () => {
    const here = crashes.filter((crash) => crash.point === point);
    for (const [n, { dir, acked, asked }] of here.entries()) {
      const again: string[] = [];
      const found = startedDecisions(dir, (innerPoint) => {
        if (n > 0 || !innerPoint.startsWith('start.')) return;
        const copy = `${dir}-${innerPoint}`;
        copyCrashed(dir, copy);
        again.push(copy);
      });
      expect(found).toEqual(expect.arrayContaining([...acked]));
      expect(asked).toEqual(expect.arrayContaining(found));
      expect(again).toHaveLength(n > 0 ? 0 : 8);
      for (const copy of again) expect(startedDecisions(copy)).toEqual(found);
      expect(readdirSync(dir).filter((name) => name.startsWith('decisions-'))).toHaveLength(1);
      expect(existsSync(join(dir, 'quarantine'))).toBe(false);
    }
  });
});
