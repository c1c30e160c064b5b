import { fc } from '../support/fast-check.ts';
import type { CrashPoint } from '../../coordinator/src/log/sqlite/crash-points.ts';
import {
  compact,
  crash,
  decide,
  end,
  fail,
  forget,
  hold,
  reopen,
  report,
  type LogCommand,
} from './log-commands.ts';
import type { Reached } from './runs.ts';

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
    pick.map((one) => report(one, reached)),
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
    report(3, reached),
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
