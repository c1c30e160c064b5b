import { type Gid, parseGid, type UnanimousError } from '@unanimous/proto';
import type { LogPosition } from '../../coordinator/src/log/decision-log.ts';
import type { CrashPoint } from '../../coordinator/src/log/sqlite/crash-points.ts';
import { commitDecided, ended, heuristic } from '../coordinator/log/log-records.ts';
import { keyOf, type LogFact } from './log-history.ts';
import type { LogModel } from './log-model.ts';
import type { RealLog } from './real-log.ts';
import type { Command, Reached } from './runs.ts';

/** Something that happens. */
export type LogCommand = Command<LogModel, RealLog>;

/** How long a failure may take to be told: it comes at once. */
const answerWithinMs = 5_000;

const picked = <T>(list: readonly T[], pick: number) => list[pick % Math.max(1, list.length)];

/** What is seen after every step. */
async function look(model: LogModel, real: RealLog, isCompact = false): Promise<void> {
  model.see(await real.entries(), isCompact);
  // From now on every later incarnation must hold it.
  model.told.push(real.log.tip());
}

/** Starts the next incarnation. */
async function startNext(model: LogModel, real: RealLog): Promise<void> {
  await real.start();
  model.note({ is: 'began', epoch: real.incarnation.epoch });
  await look(model, real);
}

function newGids(model: LogModel, real: RealLog, count: number): Gid[] {
  return Array.from({ length: count }, () => real.gid(model.nextCounter++));
}

/** Decisions handed over side by side, each in an append of its own or all in one. */
export function decide(count: number, together: boolean, reached: Reached): LogCommand {
  const append = async (gids: readonly Gid[], model: LogModel, real: RealLog) => {
    model.ask('commit-decided', ...gids);
    try {
      const { seq } = await real.log.append(gids.map(commitDecided));
      for (const [offset, gid] of gids.entries()) model.answer('commit-decided', gid, seq + offset);
      reached.note(gids.length > 1 ? 'decided together' : 'decided');
    } catch (error) {
      model.note({ is: 'refused', isPlanned: false, why: String(error) });
    }
  };
  return {
    check: () => true,
    toString: () => `decide ${count}${together ? ' in one append' : ''}`,
    async run(model, real) {
      const gids = newGids(model, real, count);
      const groups = together ? [gids] : gids.map((gid) => [gid]);
      await Promise.all(groups.map((group) => append(group, model, real)));
      await look(model, real);
    },
  };
}

/** A transaction ends: lazily, as the coordinator does it, or forced. */
export function end(pick: number, lazily: boolean, reached: Reached): LogCommand {
  return {
    check: (model) => model.unended.length > 0,
    toString: () => `end ${pick}${lazily ? ' lazily' : ''}`,
    async run(model, real) {
      const gid = picked(model.unended, pick) as Gid;
      model.ask('ended', gid);
      if (lazily) {
        real.log.appendLazily([ended(gid)]);
        await real.entries(); // what is lazy goes before it
        model.answer('ended', gid);
      } else model.answer('ended', gid, (await real.log.append([ended(gid)])).seq);
      reached.note(lazily ? 'ended lazily' : 'ended');
      await look(model, real);
    },
  };
}

/** A branch that did not follow is reported. */
export function report(pick: number, reached: Reached): LogCommand {
  const canBe = (model: Pick<LogModel, 'unended' | 'reported'>) =>
    model.unended.filter((gid) => !model.reported.has(gid));
  return {
    check: (model) => canBe(model).length > 0,
    toString: () => `report a heuristic ${pick}`,
    async run(model, real) {
      const gid = picked(canBe(model), pick) as Gid;
      model.ask('heuristic', gid);
      model.answer('heuristic', gid, (await real.log.append([heuristic(gid)])).seq);
      reached.note('reported');
      await look(model, real);
    },
  };
}

/** A mark below which what has ended is forgotten. */
export function forget(pick: number, reached: Reached): LogCommand {
  return {
    check: (model) => model.ended.length > 0,
    toString: () => `forget ${pick}`,
    async run(model, real) {
      const gid = picked(model.ended, pick) as Gid;
      await real.log.append([{ kind: 'forgotten', through: parseGid(gid).birth }]);
      model.forget(gid);
      reached.note('forgotten');
      await look(model, real);
    },
  };
}

/** A compaction, alone or beside an append. */
export function compact(besideAppend: boolean, reached: Reached): LogCommand {
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
export function hold(pick: number, reached: Reached): LogCommand {
  return {
    check: (model) => model.told.length > 0,
    toString: () => `hold ${pick}`,
    async run(model, real) {
      const { log } = real;
      const ask = async (position: LogPosition, wasTold: boolean) => {
        model.note({ is: 'held', position, holds: await log.holds(position), wasTold });
      };
      const told = picked(model.told, pick) as LogPosition;
      await ask(told, true);
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
      for (const position of never) await ask(position, false);
      if (model.lost.length > 0) reached.note('a lost position is not held');
    },
  };
}

/** Hands over an `ended` of which nobody hears; answers whose. */
function endUnheard(pick: number, model: LogModel, real: RealLog): Gid | undefined {
  const gid = picked(model.unended, pick);
  if (!gid) return undefined;
  model.ask('ended', gid);
  real.log.appendLazily([ended(gid)]);
  return gid;
}

/** Closes and starts again; what was lazy is written by the close. */
export function reopen(pick: number, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `reopen, ending ${pick}`,
    async run(model, real) {
      const gid = endUnheard(pick, model, real);
      await real.stop();
      if (gid) model.answer('ended', gid);
      await startNext(model, real);
      reached.note('reopened');
    },
  };
}

/** Killed with an `ended` not yet written; what the dead one still writes is lost with it. */
export function crash(pick: number, reached: Reached): LogCommand {
  return {
    check: () => true,
    toString: () => `crash, ending ${pick}`,
    async run(model, real) {
      await real.entries(); // nothing is in flight after it
      const gid = endUnheard(pick, model, real);
      const [late] = newGids(model, real, 1) as [Gid];
      const dead = real.crash();
      model.ask('commit-decided', late);
      model.note({ is: 'lost', key: keyOf('commit-decided', late) });
      await dead.append([commitDecided(late)]);
      model.lost.push(dead.tip());
      await startNext(model, real);
      if (gid && model.unended.includes(gid)) reached.note('a lazy record was lost');
      reached.note('crashed');
    },
  };
}

/** An append that fails: it landed or it did not, and the same is said ever after. */
export function fail(at: CrashPoint, reached: Reached): LogCommand {
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
      model.note({ is: 'began', epoch: real.incarnation.epoch });
      const gids = newGids(model, real, 2);
      model.ask('commit-decided', ...gids);
      model.note(await failureOf(real.log.append(gids.map(commitDecided)), gids));
      await real.stop();
      await startNext(model, real);
      const hasLanded = gids.every((gid) => model.unended.includes(gid));
      reached.note(hasLanded ? 'failed and landed' : 'failed and did not land');
    },
  };
}

/** What the log answers to an append that it was made to fail at. */
async function failureOf(append: Promise<unknown>, gids: readonly Gid[]): Promise<LogFact> {
  const keys = gids.map((gid) => keyOf('commit-decided', gid));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<LogFact>((resolve) => {
    timer = setTimeout(() => resolve({ is: 'unanswered', keys }), answerWithinMs);
  });
  const refused = append.then(
    (): LogFact => ({ is: 'refused', isPlanned: false, why: 'it was acknowledged' }),
    (error: UnanimousError): LogFact => {
      return { is: 'refused', isPlanned: error.code === 'log-failed', why: String(error) };
    },
  );
  return Promise.race([refused, late]).finally(() => clearTimeout(timer));
}
