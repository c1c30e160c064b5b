import type { Gid } from '@unanimous/proto';
import { afterEach, describe, expect, test } from 'vitest';
import type {
  DecisionLog,
  Incarnation,
  LogEntry,
} from '../../../coordinator/src/log/decision-log.ts';
import type { LogRecord } from '../../../coordinator/src/protocol/record.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { commitDecided, decidedBranch, ended, gidOf, summary } from './log-records.ts';

/** One log on a disk of its own. */
export interface LogSite {
  /** A log on this disk, not open yet. */
  newLog(): DecisionLog;
  remove(): Promise<void>;
}

interface ActiveLog {
  readonly log: DecisionLog;
  readonly incarnation: Incarnation;
  readonly gid: (counter: number) => Gid;
}

const holder = { name: 'contract', address: 'localhost:1' };

/** What every engine promises; run it once for each. */
export function describeDecisionLog(engine: string, newSite: () => LogSite): void {
  describe(`${engine} keeps the contract of DecisionLog:`, () => {
    const sites: LogSite[] = [];
    const logs: DecisionLog[] = [];

    const site = (): LogSite => {
      const made = newSite();
      sites.push(made);
      return made;
    };
    const opened = async (at: LogSite): Promise<DecisionLog> => {
      const log = at.newLog();
      logs.push(log);
      await log.open();
      return log;
    };
    const active = async (at: LogSite): Promise<ActiveLog> => {
      const log = await opened(at);
      const incarnation = await log.becomeActive(holder);
      const gid = (counter: number) => gidOf(incarnation.logId, incarnation.epoch, counter);
      return { log, incarnation, gid };
    };

    afterEach(async () => {
      await Promise.all(logs.splice(0).map((log) => log.close()));
      await Promise.all(sites.splice(0).map((made) => made.remove()));
    });

    test('a new log is empty and has an id', async () => {
      const log = site().newLog();
      logs.push(log);
      const { logId } = await log.open();
      expect(logId).toMatch(/^[0-9a-f]{12}$/);
      expect(await entriesOf(log)).toEqual([]);
    });

    test('every record comes back as it was written, after any number of starts', async () => {
      const at = site();
      const first = await active(at);
      const written = oneOfEach(first);
      await first.log.append(written);
      await first.log.close();
      for (let start = 0; start < 3; start += 1) {
        const { log } = await active(at);
        const entries = await entriesOf(log);
        expect(entries.map(({ record }) => record)).toEqual(written);
        expect(entries.map(({ epoch }) => epoch)).toEqual(written.map(() => 1));
        await log.close();
      }
    });

    test('an epoch is higher than all before it, and has a random number of its own', async () => {
      const at = site();
      const first = await active(at);
      await first.log.close();
      const second = await active(at);
      expect(second.incarnation.logId).toBe(first.incarnation.logId);
      expect(second.incarnation.epoch).toBe(first.incarnation.epoch + 1);
      expect(second.incarnation.nonce).toMatch(/^[0-9a-f]{16}$/);
      expect(second.incarnation.nonce).not.toBe(first.incarnation.nonce);
    });

    test('seqs grow by one over all records and epochs, in the order of the calls', async () => {
      const at = site();
      const { log, gid } = await active(at);
      const before = log.tip().seq;
      const appends = [1, 2, 3].map((n) => log.append([commitDecided(gid(n)), ended(gid(n))]));
      expect(await Promise.all(appends)).toEqual([
        { seq: before + 1 },
        { seq: before + 3 },
        { seq: before + 5 },
      ]);
      expect(log.tip().seq).toBe(before + 6);
      const entries = await entriesOf(log);
      expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6].map((n) => before + n));
      await log.close();
      const next = await active(at);
      expect(next.log.tip().seq).toBeGreaterThan(before + 6);
    });

    test('an append of nothing and an append without an epoch are refused', async () => {
      const at = site();
      const log = await opened(at);
      const record = ended(gidOf(log.tip().logId, 1, 1));
      await expect(log.append([record])).rejects.toMatchObject({ code: 'not-active' });
      await log.becomeActive(holder);
      await expect(log.append([])).rejects.toMatchObject({ code: 'invalid-argument' });
      await expect(log.append([record])).resolves.toBeDefined();
    });

    test('a lazy record rides with the next append, before it', async () => {
      const { log, gid } = await active(site());
      const { seq } = await log.append([commitDecided(gid(1))]);
      log.appendLazily([ended(gid(1))]);
      expect(log.tip().seq).toBe(seq);
      expect(await log.append([commitDecided(gid(2))])).toEqual({ seq: seq + 2 });
      expect((await entriesOf(log)).map(summary)).toEqual([
        'commit-decided 1-1',
        'ended 1-1',
        'commit-decided 1-2',
      ]);
    });

    test('a lazy record goes by itself soon, and with close', async () => {
      const at = site();
      const { log, gid } = await active(at);
      const { seq } = await log.append([commitDecided(gid(1))]);
      log.appendLazily([ended(gid(1))]);
      await waitUntil(() => log.tip().seq === seq + 1, { what: 'the lazy record', intervalMs: 5 });
      log.appendLazily([ended(gid(2))]);
      await log.close();
      const entries = await entriesOf(await opened(at));
      expect(entries.map(summary)).toEqual(['commit-decided 1-1', 'ended 1-1', 'ended 1-2']);
    });

    test('of two logs on one disk one can append: the second is refused, or fences', async () => {
      const at = site();
      const { log, gid } = await active(at);
      const failures: Error[] = [];
      log.onFailure((error) => failures.push(error));
      await log.append([commitDecided(gid(1))]);
      const refusal = await active(at).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refusal !== undefined) {
        expect(refusal).toMatchObject({ code: 'log-locked' });
        await expect(log.append([commitDecided(gid(2))])).resolves.toBeDefined();
        return;
      }
      const late = [log.append([commitDecided(gid(2))]), log.append([commitDecided(gid(3))])];
      for (const append of late) await expect(append).rejects.toMatchObject({ code: 'not-active' });
      await expect(log.append([ended(gid(1))])).rejects.toMatchObject({ code: 'not-active' });
      expect(failures).toMatchObject([{ code: 'not-active' }]);
      expect((await entriesOf(await opened(at))).map(summary)).toEqual(['commit-decided 1-1']);
    });

    test('holds its own positions, and those of earlier epochs', async () => {
      const at = site();
      const first = await active(at);
      const started = first.log.tip();
      await first.log.append([commitDecided(first.gid(1))]);
      const decided = first.log.tip();
      expect(decided.chain).toMatch(/^[0-9a-f]{32}$/);
      for (const position of [started, decided, { ...decided, chain: '' }]) {
        expect(await first.log.holds(position)).toBe(true);
      }
      await first.log.close();
      for (let start = 0; start < 2; start += 1) {
        const { log } = await active(at);
        expect(await log.holds(started)).toBe(true);
        expect(await log.holds(decided)).toBe(true);
        expect(await log.holds(log.tip())).toBe(true);
        await log.close();
      }
    });

    test('does not hold what it never said', async () => {
      const at = site();
      const first = await active(at);
      await first.log.append([commitDecided(first.gid(1))]);
      const tip = first.log.tip();
      const others = [
        { ...tip, logId: 'ffffffffffff' as typeof tip.logId },
        { ...tip, epoch: tip.epoch + 1 },
        { ...tip, nonce: 'f'.repeat(16) },
        { ...tip, seq: tip.seq + 1, chain: '' },
        { ...tip, seq: 0 },
      ];
      for (const position of [...others, { ...tip, chain: 'f'.repeat(32) }]) {
        expect(await first.log.holds(position), JSON.stringify(position)).toBe(false);
      }
      await first.log.close();
      // A backup that goes on does not come to hold what was lost, however often it is started.
      for (let start = 0; start < 2; start += 1) {
        const next = await active(at);
        await next.log.append([commitDecided(next.gid(1)), commitDecided(next.gid(2))]);
        for (const position of others) {
          expect(await next.log.holds(position), JSON.stringify(position)).toBe(false);
        }
        await next.log.close();
      }
    });

    test('compaction drops what is ended and forgotten, and keeps the rest', async () => {
      const at = site();
      const { log, gid, incarnation } = await active(at);
      await log.append([{ kind: 'rm-registered', rm: 'orders-db', identity: '7123' }]);
      for (let n = 1; n <= 6; n += 1) await log.append([commitDecided(gid(n))]);
      // 1: ended. 2: delegated and settled. 4: open. 5: ended, and born above the mark.
      const settled = { kind: 'settled', gid: gid(2), outcome: 'committed' } as const;
      await log.append([ended(gid(1)), settled, ended(gid(2)), ended(gid(3)), ended(gid(5))]);
      await log.compact();
      expect(await entriesOf(log)).toHaveLength(12);
      const mark = (counter: number): LogRecord => {
        return { kind: 'forgotten', through: { epoch: incarnation.epoch, counter } };
      };
      await log.append([mark(2)]);
      await log.append([mark(4)]);
      const position = log.tip();
      await log.compact();
      const needed = [
        'rm-registered orders-db',
        'commit-decided 1-4',
        'commit-decided 1-5',
        'commit-decided 1-6',
        'ended 1-5',
        'forgotten 1-4',
      ];
      const entries = await entriesOf(log);
      expect(entries.map(summary)).toEqual(needed);
      expect(await log.holds(position)).toBe(true);
      expect(await log.holds({ ...position, nonce: '0'.repeat(16) })).toBe(false);
      await log.append([commitDecided(gid(7))]);
      await log.close();

      const later = await opened(at);
      const after = await entriesOf(later);
      expect(after.slice(0, -1)).toEqual(entries); // places are kept
      expect(after.map(summary)).toEqual([...needed, 'commit-decided 1-7']);
      expect(await later.holds(position)).toBe(true);
    });

    test('compaction again and again, between appends, loses nothing', async () => {
      const at = site();
      const { log, gid, incarnation } = await active(at);
      let expected: string[] = [];
      for (let round = 1; round <= 10; round += 1) {
        const counters = [0, 1, 2, 3].map((n) => round * 4 + n);
        const appends = counters.map((n) => log.append([commitDecided(gid(n))]));
        const compacted = log.compact();
        await Promise.all(appends);
        await log.append([ended(gid(round * 4))]);
        await Promise.all([compacted, log.compact()]);
        await log.append([{ kind: 'forgotten', through: { epoch: 1, counter: round * 4 } }]);
        expected.push(...counters.slice(1).map((n) => `commit-decided ${incarnation.epoch}-${n}`));
      }
      await log.compact();
      expected = [...expected, 'forgotten 1-40'];
      expect((await entriesOf(log)).map(summary)).toEqual(expected);
      await log.close();
      expect((await entriesOf(await opened(at))).map(summary)).toEqual(expected);
    });

    test('after close everything is refused, and close may be called again', async () => {
      const { log, gid } = await active(site());
      await log.close();
      await log.close();
      await expect(log.append([ended(gid(1))])).rejects.toMatchObject({ code: 'closed' });
      await expect(log.holds(log.tip())).rejects.toMatchObject({ code: 'closed' });
      await expect(log.compact()).rejects.toMatchObject({ code: 'closed' });
    });
  });
}

/** All entries, in the order in which they are handed over. */
export async function entriesOf(log: DecisionLog): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  await log.follow((entries) => all.push(...entries));
  return all;
}

function oneOfEach({ gid }: ActiveLog): LogRecord[] {
  const reason = {
    code: 'timeout',
    message: 'späť ✓',
    hint: 'h',
    rm: '',
    retryable: true,
  } as const;
  const branch = decidedBranch({ redo: new Uint8Array([0, 1, 254, 255]) });
  return [
    { kind: 'rm-registered', rm: 'orders-db', identity: '7123' },
    commitDecided(gid(1)),
    { kind: 'delegated', gid: gid(2), branch },
    { kind: 'settled', gid: gid(2), outcome: 'aborted', reason },
    { kind: 'heuristic', gid: gid(1), decision: 'committed', branch, result: 'unknown', reason },
    {
      kind: 'resolved',
      gid: gid(1),
      branch: 1,
      resolution: 'abandoned',
      reason: 'gone',
      operator: 'ann',
      at: '2026-01-02T03:04:05Z',
    },
    ended(gid(1)),
    { kind: 'forgotten', through: { epoch: 0, counter: 0 } },
  ];
}
