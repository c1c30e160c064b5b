import { fc } from '../support/fast-check.ts';
import {
  begin,
  byHand,
  commitInOnePhase,
  decide,
  prepare,
  prepareLost,
  restart,
  rollBackOpen,
  settle,
  writeBehindSavepoint,
  type BranchCommand,
} from './branch-commands.ts';
import type { Reached } from './runs.ts';

/** What can happen to branches. */
export function branchCommands(reached: Reached): fc.Arbitrary<BranchCommand>[] {
  const pick = fc.nat({ max: 100 });
  const often = <T>(times: number, arbitrary: T): T[] =>
    Array.from({ length: times }, () => arbitrary);
  const count = fc.integer({ min: 0, max: 3 });
  return [
    ...often(
      4,
      count.map((some) => begin(some, reached)),
    ),
    ...often(
      2,
      fc.tuple(pick, fc.boolean()).map(([one, kept]) => writeBehindSavepoint(one, kept, reached)),
    ),
    ...often(
      4,
      pick.map((one) => prepare(one, reached)),
    ),
    ...often(
      3,
      pick.map((one) => decide('commit', one, reached)),
    ),
    ...often(
      2,
      pick.map((one) => decide('abort', one, reached)),
    ),
    fc
      .tuple(fc.constantFrom('commit' as const, 'rollback' as const), pick)
      .map(([to, one]) => byHand(to, one, reached)),
    pick.map((one) => rollBackOpen(one, reached)),
    pick.map((one) => prepareLost(one, reached)),
    pick.map((one) => commitInOnePhase(one, reached)),
    pick.map((one) => settle(one, reached)),
    fc.constantFrom('fast' as const, 'kill -9' as const).map((kind) => restart(kind, reached)),
  ];
}

/** One life that comes to every state, however few the runs are. */
export function wholeBranchLife(reached: Reached): BranchCommand[] {
  return [
    ...[1, 2, 0].map((count) => begin(count, reached)),
    prepare(0, reached),
    prepare(0, reached),
    prepare(0, reached), // it has written nothing
    decide('commit', 2, reached),
    restart('fast', reached),
    decide('commit', 0, reached),
    decide('commit', 0, reached),
    decide('abort', 0, reached),
    byHand('rollback', 0, reached),
    decide('commit', 1, reached),
    begin(1, reached),
    writeBehindSavepoint(0, true, reached),
    writeBehindSavepoint(0, false, reached),
    prepare(0, reached),
    begin(1, reached),
    commitInOnePhase(0, reached),
    settle(0, reached),
    begin(1, reached),
    prepare(0, reached),
    begin(2, reached),
    begin(1, reached),
    commitInOnePhase(0, reached),
    restart('kill -9', reached), // before anything else is written
    settle(0, reached),
    prepareLost(0, reached),
    byHand('commit', 0, reached),
    begin(1, reached),
    rollBackOpen(0, reached),
  ];
}
