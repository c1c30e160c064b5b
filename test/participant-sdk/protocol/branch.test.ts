import { fc } from '../../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import type { BranchState } from '../../../participant-sdk/src/protocol/branch-state.ts';
import { type Action, actions, BranchWorld } from './branch-world.ts';

const runs = { numRuns: 5_000 };

function play(script: readonly Action[]): BranchWorld {
  const world = new BranchWorld();
  for (const action of script) world.act(action);
  return world;
}

/** Steps after the first yes vote of a branch's life, until that life ends. */
function afterYes(world: BranchWorld) {
  const { history } = world;
  const first = history.findIndex(({ before, input, effects }) => {
    if (input.kind === 'handed-over' && before.at === 'prepared') return true;
    return effects.some((effect) => effect.run === 'vote' && effect.vote.kind === 'yes');
  });
  if (first === -1) return [];
  const end = history.findIndex(({ after }, index) => index >= first && after.at === 'done');
  return history.slice(first + 1, end === -1 ? undefined : end + 1);
}

describe('whatever happens', () => {
  test('a branch that voted yes rolls back only when the coordinator orders it (rule 3)', () => {
    fc.assert(
      fc.property(actions, (script) => {
        let isOrdered = false;
        for (const { input, effects } of afterYes(play(script))) {
          isOrdered ||= input.kind === 'order' && input.order.kind === 'abort';
          for (const effect of effects) {
            const isAbort =
              effect.run === 'rollback' ||
              (effect.run === 'finish' && effect.order.kind === 'abort');
            expect(isAbort && !isOrdered).toBe(false);
          }
        }
      }),
      runs,
    );
  });

  test('a yes vote is said again identically, receipt and payload included', () => {
    fc.assert(
      fc.property(actions, (script) => {
        const world = play(script);
        const [first, ...others] = world.votes().filter((vote) => vote.kind === 'yes');
        for (const other of others) expect(other).toEqual(first);
        for (const { effects } of afterYes(world)) {
          for (const effect of effects) {
            if (effect.run === 'vote') expect(effect.vote).toEqual(first);
          }
        }
      }),
      runs,
    );
  });

  test('an order is answered finally once at most, and only with what the resource said', () => {
    fc.assert(
      fc.property(actions, (script) => {
        const world = play(script);
        const orders = world.history.filter(({ input }) => input.kind === 'order').length;
        let answers = 0;
        for (const { before, input, effects } of world.history) {
          for (const effect of effects) {
            if (effect.run !== 'acknowledge') continue;
            answers += 1;
            const isHeld = !['absent', 'done', 'doomed', 'left'].includes(before.at);
            if (input.kind === 'finished') expect(effect.result).toEqual(input.result);
            else expect(effect.result).toEqual({ result: 'rolled-back' });
            if (input.kind === 'order') expect(isHeld).toBe(false);
          }
        }
        expect(answers).toBeLessThanOrEqual(orders);
      }),
      runs,
    );
  });

  test('a committed answer means that the resource committed', () => {
    fc.assert(
      fc.property(actions, (script) => {
        for (const { input, effects } of play(script).history) {
          const said = effects.some(
            (effect) => effect.run === 'acknowledge' && effect.result.result === 'committed',
          );
          if (said)
            expect(input).toMatchObject({ kind: 'finished', result: { result: 'committed' } });
        }
      }),
      runs,
    );
  });

  test('one operation runs at a time, and all come to an end when the resource answers', () => {
    fc.assert(
      fc.property(actions, (script) => {
        const world = play(script); // throws where two operations would run at once
        world.settle();
        expect(world.operation).toBeUndefined();
        expect(['absent', 'working', 'doomed', 'prepared', 'ready', 'left', 'done']).toContain(
          world.state.at,
        );
        if (world.state.at === 'doomed') expect(world.state).toMatchObject({ undoing: false });
      }),
      runs,
    );
  });

  test("the coordinator's order on a prepared branch is answered when the resource answers", () => {
    fc.assert(
      fc.property(actions, fc.constantFrom('commit', 'abort'), (script, kind) => {
        const world = play(script);
        world.settle();
        if (world.state.at !== 'prepared') return;
        const order =
          kind === 'commit'
            ? ({
                kind,
                facts: { receipt: '', redo: new Uint8Array(), epoch: 1, seq: 1, lowWaterSeq: 0 },
                asker: 'decision',
              } as const)
            : ({ kind: 'abort', receipt: '', prepared: false, asker: 'decision' } as const);
        world.input({ kind: 'order', order });
        expect(world.operation).toMatchObject({ run: 'finish', order: { kind } });
        world.settle();
        expect(world.history.flatMap(({ effects }) => effects)).toContainEqual({
          run: 'acknowledge',
          result: { result: kind === 'commit' ? 'committed' : 'rolled-back' },
        });
      }),
      runs,
    );
  });
});

test('every state is reached, so the properties above say something', () => {
  const reached = new Set<BranchState['at']>();
  let cancelled = 0;
  let strengthened = 0;
  for (const script of fc.sample(actions, { numRuns: 5_000, seed: 7 })) {
    for (const { after } of play(script).history) {
      reached.add(after.at);
      if ('cancelled' in after) cancelled += 1;
      if (after.at === 'finishing' && after.again) strengthened += 1;
    }
  }
  expect([...reached].toSorted()).toEqual([
    'absent',
    'committing-one-phase',
    'done',
    'doomed',
    'finishing',
    'left',
    'prepared',
    'preparing',
    'ready',
    'readying',
    'working',
  ]);
  expect(cancelled).toBeGreaterThan(0);
  expect(strengthened).toBeGreaterThan(0);
});
