import { type Gid, parseGid } from '@unanimous/proto';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { LogPosition } from '../../coordinator/src/log/decision-log.ts';
import type { CrashPoint } from '../../coordinator/src/log/sqlite/crash-points.ts';
import { commitDecided, ended } from '../coordinator/log/log-records.ts';
import type { LogModel } from './log-model.ts';
import type { RealLog } from './real-log.ts';
import type { Command, Reached } from './runs.ts';

type LogCommand = Command<LogModel, RealLog>;

const decidedKey = (gid: Gid) => `commit-decided ${gid.slice(13)}`;
const endedKey = (gid: Gid) => `ended ${gid.slice(13)}`;
const picked = <T>(list: readonly T[], pick: number) => list[pick % Math.max(1, list.length)];

/** What is seen after every step. */
async function look(model: LogModel, real: RealLog, isCompact = false): Promise<void> {
  model.check(await real.entries(), isCompact);
  tell(model, real.log.tip());
}

/** A position that was given out: from now on every later incarnation must hold it. */
function tell(model: LogModel, position: LogPosition): void {
  model.told.push(position);
}

/** Starts the next incarnation and checks that it is one. */
async function startNext(model: LogModel, real: RealLog): Promise<void> {
  await real.start();
  const { epoch } = real.incarnation;
  expect(epoch, 'epochs grow').toBeGreaterThan(Math.max(0, ...model.epochs));
  model.epochs.push(epoch);
  await look(model, real);
}

function newGids(model: LogModel, real: RealLog, count: number): Gid[] {
  return Array.from({ length: count }, () => real.gid(model.nextCounter++));
}

/** Decisions handed over side by side, each in an append of its own or all in one. */
function decide(count: number, together: boolean, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `decide ${count}${together ? ' in one append' : ''}`,
    async run(model, real) {
      const gids = newGids(model, real, count);
      for (const gid of gids) model.ask(decidedKey(gid), gid);
      const groups = together ? [gids] : gids.map((gid) => [gid]);
      const answers = groups.map((group) => real.log.append(group.map(commitDecided)));
      for (const [index, { seq }] of (await Promise.all(answers)).entries()) {
        for (const [offset, gid] of (groups[index] ?? []).entries()) {
          model.acknowledge(decidedKey(gid), seq + offset);
        }
      }
      reached.note('decided');
      await look(model, real);
    },
  };
}

/** A transaction ends: lazily, as the coordinator does it, or forced. */
function end(pick: number, lazily: boolean, reached: Reached): LogCommand {
  return {
    check: (model) => model.unended.length > 0,
    toString: () => `end ${pick}${lazily ? ' lazily' : ''}`,
    async run(model, real) {
      const gid = picked(model.unended, pick) as Gid;
      model.ask(endedKey(gid), gid);
      if (lazily) {
        real.log.appendLazily([ended(gid)]);
        await real.entries(); // what is lazy goes before it
        model.acknowledge(endedKey(gid));
      } else model.acknowledge(endedKey(gid), (await real.log.append([ended(gid)])).seq);
      reached.note(lazily ? 'ended lazily' : 'ended');
      await look(model, real);
    },
  };
}

/** A mark below which what has ended is forgotten. */
function forget(pick: number, reached: Reached): LogCommand {
  return {
    check: (model) => model.ended.length > 0,
    toString: () => `forget ${pick}`,
    async run(model, real) {
      const { birth } = parseGid(picked(model.ended, pick) as Gid);
      await real.log.append([{ kind: 'forgotten', through: birth }]);
      model.forget(birth);
      reached.note('forgotten');
      await look(model, real);
    },
  };
}

/** A compaction, alone or beside an append. */
function compact(besideAppend: boolean, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `compact${besideAppend ? ' beside an append' : ''}`,
    async run(model, real) {
      const compacted = real.log.compact();
      if (besideAppend) await decide(1, true, reached).run(model, real);
      await compacted;
      reached.note(model.hasToCompact ? 'compacted' : 'nothing to compact');
      model.hasToCompact = false;
      await look(model, real, true);
    },
  };
}

/** Asks for positions: those that were told are held, and no others. */
function hold(pick: number, reached: Reached): LogCommand {
  return {
    check: (model) => model.told.length > 0,
    toString: () => `hold ${pick}`,
    async run(model, real) {
      const { log } = real;
      const told = picked(model.told, pick) as LogPosition;
      expect(await log.holds(told), `told ${JSON.stringify(told)}`).toBe(true);
      if (told.epoch < real.incarnation.epoch) reached.note('held from an earlier epoch');
      const tip = log.tip();
      const never = [
        { ...told, nonce: told.nonce === '0'.repeat(16) ? 'f'.repeat(16) : '0'.repeat(16) },
        { ...told, logId: 'ffffffffffff' as typeof told.logId },
        { ...told, epoch: real.incarnation.epoch + 1 },
        { ...tip, chain: 'f'.repeat(32) },
        { ...tip, seq: tip.seq + 1, chain: '' },
        ...model.lost,
      ];
      for (const position of never) {
        expect(await log.holds(position), `never told ${JSON.stringify(position)}`).toBe(false);
      }
      if (model.lost.length > 0) reached.note('a lost position is not held');
    },
  };
}

/** Closes and starts again; what was lazy is written by the close. */
function reopen(pick: number, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `reopen, ending ${pick}`,
    async run(model, real) {
      const gid = picked(model.unended, pick);
      if (gid) {
        model.ask(endedKey(gid), gid);
        real.log.appendLazily([ended(gid)]);
      }
      await real.stop();
      if (gid) model.acknowledge(endedKey(gid));
      await startNext(model, real);
      reached.note('reopened');
    },
  };
}

/** Killed with an `ended` not yet written; what the dead one still writes is lost with it. */
function crash(pick: number, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `crash, ending ${pick}`,
    async run(model, real) {
      await real.entries(); // nothing is in flight after it
      const gid = picked(model.unended, pick);
      if (gid) {
        model.ask(endedKey(gid), gid);
        real.log.appendLazily([ended(gid)]);
      }
      const [late] = newGids(model, real, 1) as [Gid];
      const dead = real.crash();
      await dead.append([commitDecided(late)]);
      model.lost.push(dead.tip());
      await startNext(model, real);
      if (gid && model.unended.includes(gid)) reached.note('a lazy record was lost');
      expect(
        (await real.entries()).map(({ record }) => JSON.stringify(record)).join(),
      ).not.toContain(late);
      reached.note('crashed');
    },
  };
}

/** An append that fails: it landed or it did not, and the same is said ever after. */
function fail(at: CrashPoint, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `fail ${at}`,
    async run(model, real) {
      await real.stop();
      const hasBegun = await real.start({ at, how: 'throw' }).then(
        () => true,
        () => false,
      );
      if (!hasBegun) {
        // Its first record is written like any other.
        await real.stop();
        await startNext(model, real);
        reached.note('an incarnation failed to begin');
        return;
      }
      model.epochs.push(real.incarnation.epoch);
      const gids = newGids(model, real, 2);
      for (const gid of gids) model.ask(decidedKey(gid), gid);
      await expect(real.log.append(gids.map(commitDecided))).rejects.toMatchObject({
        code: 'log-failed',
      });
      await real.stop();
      await startNext(model, real);
      const landed = gids.filter((gid) => model.unended.includes(gid));
      expect(landed, 'all or none').toEqual(landed.length > 0 ? gids : []);
      reached.note(landed.length > 0 ? 'failed and landed' : 'failed and did not land');
    },
  };
}

/** What can happen to a log. */
export function logCommands(reached: Reached): fc.Arbitrary<LogCommand>[] {
  const pick = fc.nat({ max: 100 });
  const failing = fc.constantFrom<CrashPoint>(
    'append.before-write',
    'append.before-commit',
    'append.before-tip',
    'append.before-reply',
  );
  const many = fc.integer({ min: 1, max: 6 });
  const often = <T>(times: number, arbitrary: T): T[] =>
    Array.from({ length: times }, () => arbitrary);
  return [
    ...often(
      4,
      fc.tuple(many, fc.boolean()).map(([count, one]) => decide(count, one, reached)),
    ),
    ...often(
      5,
      fc.tuple(pick, fc.boolean()).map(([one, lazily]) => end(one, lazily, reached)),
    ),
    ...often(
      2,
      pick.map((one) => forget(one, reached)),
    ),
    ...often(
      2,
      fc.boolean().map((beside) => compact(beside, reached)),
    ),
    ...often(
      2,
      pick.map((one) => hold(one, reached)),
    ),
    // Each starts a thread, or two.
    pick.map((one) => reopen(one, reached)),
    pick.map((one) => crash(one, reached)),
    failing.map((at) => fail(at, reached)),
  ];
}

/** One life that comes to every state, however few the runs are. */
export function wholeLife(reached: Reached): LogCommand[] {
  return [
    compact(false, reached),
    decide(3, true, reached),
    decide(3, false, reached),
    end(0, false, reached),
    end(1, true, reached),
    forget(1, reached),
    compact(true, reached),
    reopen(0, reached),
    crash(0, reached),
    fail('append.before-write', reached),
    fail('append.before-commit', reached),
    fail('append.before-tip', reached),
    fail('append.before-reply', reached),
    hold(0, reached),
    compact(false, reached),
    hold(1, reached),
  ];
}

/** Everything that the runs must come to. */
export const logStates = [
  'decided',
  'ended',
  'ended lazily',
  'forgotten',
  'compacted',
  'nothing to compact',
  'held from an earlier epoch',
  'a lost position is not held',
  'reopened',
  'crashed',
  'a lazy record was lost',
  'failed and landed',
  'failed and did not land',
  'an incarnation failed to begin',
];
