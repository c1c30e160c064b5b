import assert from 'node:assert/strict';
import { reason } from '@unanimous/proto';
import type { Input, Result, Vote } from '../../../coordinator/src/protocol/decide.ts';
import type { Branch, Transaction } from '../../../coordinator/src/protocol/transaction.ts';
import type { Rule } from './rule.ts';
import type { World } from './world.ts';

export const onlyTheLogMoves: Rule = {
  name: "while a record is with the log, nothing but the log's answer moves a transaction",
  source: 'PROTOCOL 3',
  weather: 'hands',
  watch(world) {
    return {
      acted() {
        const { tx } = world;
        if (tx?.phase !== 'deciding' && tx?.phase !== 'delegating') return;
        for (const input of everyInputBut(tx, 'recorded')) assertIgnored(world, tx, input);
      },
    };
  },
};

export const enlistedOnlyWhileActive: Rule = {
  name: 'a branch joins only before the commit is asked for',
  source: 'PROTOCOL 1',
  weather: 'failures',
  watch(world) {
    return {
      stepped({ after }) {
        const step = world.core.step(after, enlistOf('late-db'));
        assert.equal('refused' in step, after.phase !== 'active', `enlist while ${after.phase}`);
      },
    };
  },
};

export const votesCountOnce: Rule = {
  name: 'a late or doubled vote changes nothing',
  source: 'docs/guarantees.md, rule 3 and failure 18',
  weather: 'failures',
  watch(world) {
    return {
      stepped({ after, events }) {
        if (events.length === 0) return;
        for (const branch of after.branches) {
          if (after.phase === 'preparing' && branch.state.is === 'asked') continue;
          for (const input of votesOf(branch, branch.session)) assertIgnored(world, after, input);
        }
      },
    };
  },
};

export const votesFromItsSession: Rule = {
  name: 'a vote counts only from the session on which the branch lives',
  source: 'PROTOCOL 2',
  weather: 'failures',
  watch(world) {
    return {
      stepped({ after, events }) {
        if (events.length === 0) return;
        for (const branch of after.branches) {
          const others = [0, branch.session + 1, branch.session + 1_000];
          const votes = others.flatMap((session) => votesOf(branch, session));
          for (const input of votes) assertIgnored(world, after, input);
        }
      },
    };
  },
};

export const loggedAfterNative: Rule = {
  name: 'effects of logged branches go out after the native branches have committed',
  source: 'PROTOCOL 15',
  weather: 'failures',
  watch(world) {
    return {
      sent(order) {
        if (order.kind === 'commit') assert.equal(order.branch.kind, 'native');
        if (order.kind !== 'apply') return;
        assert.equal(order.branch.kind, 'logged');
        for (const { name, plan, voted, state } of world.rms) {
          const isOwed = plan.kind === 'native' && voted === 'yes';
          if (isOwed) assert.equal(state, 'committed', `apply was sent before ${name} committed`);
        }
      },
    };
  },
};

export const readersHearNothing: Rule = {
  name: 'a branch that voted read-only hears nothing in phase two',
  source: 'Mohan, Lindsay, Obermarck 1986, section 2 (read-only optimization)',
  weather: 'failures',
  watch() {
    const readers = new Set<number>();
    return {
      stepped({ events }) {
        for (const event of events) {
          if (event.kind === 'voted' && event.state.is === 'read-only') readers.add(event.branch);
        }
      },
      sent(order) {
        if (order.kind === 'verdict') return;
        assert.ok(!readers.has(order.branch.branch), `${order.kind} was sent to a reader`);
      },
    };
  },
};

export const onePhaseFollowsReceipt: Rule = {
  name: 'one phase: for a single branch or the last, permitted once, and the outcome is what the receipt says',
  source: 'PROTOCOL 6',
  weather: 'failures',
  watch(world) {
    let asked = false;
    let permissions = 0;
    return {
      sent(order) {
        if (order.kind === 'prepare-one-phase') {
          asked = true;
          const isAlone = world.tx?.branches.length === 1 || order.branch.kind === 'last';
          assert.ok(isAlone, 'one phase with several branches');
          assert.ok(order.branch.canOnePhase);
        }
        if (order.kind === 'one-phase') permissions += 1;
        assert.ok(permissions < 2, 'permitted twice');
      },
      acted() {
        const only = world.rms.find((rm) => rm.voted === 'ready');
        if (!asked || only === undefined) return;
        if (world.answer === 'committed') assert.equal(only.state, 'committed');
        if (world.answer === 'aborted')
          assert.ok(!['committed', 'committing'].includes(only.state));
      },
    };
  },
};

export const othersWait: Rule = {
  name: 'while the last one is asked, the others wait: no answer of theirs counts, nor a word on them',
  source: 'PROTOCOL 6',
  weather: 'hands',
  watch(world) {
    return {
      acted() {
        const { tx, core } = world;
        if (tx?.phase !== 'delegated') return;
        for (const { branch, state } of tx.branches) {
          if (state.is !== 'yes') continue;
          for (const is of ['committed', 'rolled-back', 'unknown', 'pending'] as const) {
            const result = { is, reason: reason('internal', 'probe') };
            assertIgnored(world, tx, { kind: 'result', branch, result });
          }
          const word = { resolution: 'committed', reason: '', operator: '', at: '' } as const;
          const step = core.step(tx, { kind: 'resolve', branch, ...word });
          assert.ok('refused' in step, `a word on branch ${branch} was heard`);
        }
      },
    };
  },
};

export const wholeOrders: Rule = {
  name: 'phase two carries the receipt, the redo payload and the incarnation of the vote',
  source: 'PROTOCOL 3, 8 and 11',
  weather: 'hands',
  watch(world) {
    return {
      sent(order) {
        if (order.kind === 'verdict') return;
        if (!['commit', 'apply', 'one-phase', 'settle'].includes(order.kind)) return;
        const { rm: name, receipt, redo, incarnation } = order.branch;
        const rm = world.rms.find((candidate) => candidate.name === name);
        const wanted = { receipt: rm?.receipt, redo: rm?.redo, incarnation: rm?.name };
        assert.deepEqual({ receipt, redo, incarnation }, wanted);
      },
    };
  },
};

function assertIgnored(world: World, tx: Transaction, input: Input): void {
  const step = world.core.step(tx, input);
  if ('refused' in step) return;
  const what = input.kind === 'vote' ? `vote ${input.vote.is} of ${input.branch}` : input.kind;
  const kinds = step.events.map((event) => event.kind);
  assert.deepEqual(kinds, [], `${what} while ${tx.phase} was not ignored`);
  assert.deepEqual(step.messages, []);
  assert.equal(step.state, tx);
}

function everyInputBut(tx: Transaction, excluded: Input['kind']): Input[] {
  const why = reason('internal', 'probe');
  const inputs: Input[] = [
    enlistOf('late-db'),
    { kind: 'commit' },
    { kind: 'abort', reason: why },
    { kind: 'deadline' },
    { kind: 'session-lost', session: 0, owned: true },
  ];
  const audit = { reason: 'probe', operator: 'ann', at: '2026-01-01T00:00:00Z' };
  for (const branch of tx.branches) {
    const { branch: number, session } = branch;
    inputs.push({ kind: 'session-lost', session, owned: false }, ...votesOf(branch, session));
    for (const is of ['committed', 'rolled-back', 'unknown', 'pending'] satisfies Result['is'][]) {
      inputs.push({ kind: 'result', branch: number, result: { is, reason: why } });
    }
    for (const resolution of ['committed', 'rolled-back', 'abandoned'] as const) {
      inputs.push({ kind: 'resolve', branch: number, resolution, ...audit });
    }
  }
  return inputs.filter((input) => input.kind !== excluded);
}

function votesOf({ branch, incarnation }: Branch, session: number): Input[] {
  const payload = { receipt: 'another', redo: new Uint8Array([1]) };
  const votes: Vote[] = [
    { is: 'yes', ...payload },
    { is: 'ready', ...payload },
    { is: 'read-only' },
    { is: 'no', reason: reason('internal', 'probe') },
  ];
  return votes.map((vote) => ({ kind: 'vote', branch, session, incarnation, vote }));
}

function enlistOf(rm: string): Input {
  const vote = { receipt: '', redo: new Uint8Array(), incarnation: '' };
  const life = { session: 99, work: new Uint8Array(), state: { is: 'working' } as const };
  const branch = { rm, kind: 'native' as const, canOnePhase: true, ...life, ...vote };
  return { kind: 'enlist', branch, maxBranches: 64 };
}

/** What is sent, to whom, and what is listened to. */
export const messageRules: readonly Rule[] = [
  onlyTheLogMoves,
  enlistedOnlyWhileActive,
  votesCountOnce,
  votesFromItsSession,
  loggedAfterNative,
  readersHearNothing,
  onePhaseFollowsReceipt,
  othersWait,
  wholeOrders,
];
