import assert from 'node:assert/strict';
import type { ResourceManager } from './resource-manager.ts';
import type { Rule } from './rule.ts';
import type { World } from './world.ts';

const bernstein = 'Bernstein, Hadzilacos, Goodman 1987, chapter 7';

/** Those whose branch counts: enlisted, and not merely a reader. */
function writers(world: World): readonly ResourceManager[] {
  return world.rms.filter((rm) => rm.branch > 0 && rm.state !== 'read-only');
}

export const agreement: Rule = {
  name: 'AC1: all processes that reach a decision reach the same one',
  source: bernstein,
  weather: 'failures',
  watch(world) {
    const reached = new Map<string, string>();
    return {
      acted() {
        for (const { name, state } of writers(world)) {
          if (state === 'committed' || state === 'rolled-back') reached.set(name, state);
        }
        // What only read has nothing to agree on; after a restart it is answered `aborted`.
        if (world.answer !== undefined && writers(world).length > 0) {
          const { answer } = world;
          if (answer === 'committed') reached.set('the client', 'committed');
          if (answer === 'aborted') reached.set('the client', 'rolled-back');
        }
        const decisions = new Set(reached.values());
        assert.ok(decisions.size < 2, `two decisions: ${[...reached].join('; ')}`);
      },
    };
  },
};

export const irrevocable: Rule = {
  name: 'AC2: no process reverses its decision, and what was told stays told over restarts',
  source: bernstein,
  weather: 'failures',
  watch(world) {
    const before = new Map<string, string>();
    const stays = (who: string, decision: string) => {
      const earlier = before.get(who) ?? decision;
      assert.equal(decision, earlier, `${who}: first ${earlier}, then ${decision}`);
      before.set(who, decision);
    };
    return {
      acted() {
        const { answer } = world;
        const isDecided = answer === 'committed' || answer === 'aborted';
        if (isDecided && writers(world).length > 0) stays('the client', answer);
        for (const { name, state } of world.rms) {
          const isEnd = state === 'committed' || state === 'rolled-back' || state === 'read-only';
          if (isEnd || before.has(name)) stays(name, state);
        }
      },
    };
  },
};

export const validity: Rule = {
  name: 'AC3: commit is decided only if all processes voted yes',
  source: bernstein,
  weather: 'failures',
  watch(world) {
    return {
      acted() {
        const told = world.answer === 'committed';
        if (!told && !world.rms.some((rm) => rm.state === 'committed')) return;
        for (const { name, branch, voted, state } of world.rms) {
          const isIn = branch === 0 || voted === 'yes' || voted === 'ready';
          assert.ok(isIn || voted === 'read-only', `committed, but ${name} voted ${voted}`);
          assert.notEqual(state, 'rolled-back', `committed, but ${name} lost its work`);
        }
      },
    };
  },
};

export const nontriviality: Rule = {
  name: 'AC4: with no failure and all votes yes, the decision is commit',
  source: bernstein,
  weather: 'calm',
  watch(world) {
    return {
      rested() {
        if (world.rms.some((rm) => rm.plan.vote === 'no')) return;
        assert.equal(world.answer, 'committed');
        for (const rm of writers(world)) assert.equal(rm.state, 'committed', rm.name);
      },
    };
  },
};

export const termination: Rule = {
  name: 'AC5: once failures stop, all processes reach a decision',
  source: bernstein,
  weather: 'failures',
  watch(world) {
    return {
      rested() {
        for (const rm of world.rms) assert.ok(!rm.isOpen, `${rm.name} is still ${rm.state}`);
        const { tx } = world;
        assert.ok(world.answer === 'committed' || world.answer === 'aborted', 'no outcome');
        if (tx === undefined) return;
        assert.ok(tx.phase === 'committed' || tx.phase === 'aborted', `still ${tx.phase}`);
        // An abort is presumed: nobody is owed its acknowledgement, so it may be lost for good.
        if (world.answer !== 'committed') return;
        assert.ok(world.core.outcomeOf(tx).applied, 'never said to be applied');
        for (const rm of writers(world)) assert.equal(rm.state, 'committed', rm.name);
      },
    };
  },
};

/** The definition of atomic commitment. */
export const atomicCommitment: readonly Rule[] = [
  agreement,
  irrevocable,
  validity,
  nontriviality,
  termination,
];
