import assert from 'node:assert/strict';
import { reason } from '@unanimous/proto';
import type { Result } from '../../../coordinator/src/protocol/decide.ts';
import type {
  Transaction,
  TransactionEvent,
} from '../../../coordinator/src/protocol/transaction.ts';
import { isDecision, isRecord, replay } from './model-log.ts';
import type { Rule } from './rule.ts';
import type { World } from './world.ts';

export const presumedAbort: Rule = {
  name: 'presumed abort: nothing is logged before the decision, and an abort never is',
  source: 'DESIGN 2; Mohan, Lindsay, Obermarck 1986, section 3',
  weather: 'failures',
  watch(world) {
    return {
      stepped({ before, events, after }) {
        const kinds = events.filter((event) => isRecord(world.core, event)).map((e) => e.kind);
        const isAborted = events.some((event) => event.kind === 'aborted');
        if (isAborted) assert.deepEqual(kinds, [], 'an abort was logged');
        if (before.phase !== 'active' && before.phase !== 'preparing') return;
        const expected = { deciding: ['commit-decided'], delegating: ['delegated'] };
        const wanted = Object.hasOwn(expected, after.phase) ? after.phase : undefined;
        const isLast =
          kinds[0] === 'last-asked' && after.branches.some((b) => b.state.is === 'yes');
        if (wanted === 'delegating' && isLast) return assert.equal(kinds.length, 1);
        assert.deepEqual(kinds, wanted ? expected[wanted as keyof typeof expected] : []);
      },
      acted() {
        const decisions = world.log.batches.filter((batch) => batch.records.some(isDecision));
        const [first] = decisions[0]?.records ?? [];
        assert.ok(decisions.length < (first?.kind === 'last-asked' ? 3 : 2), 'decided twice');
        assert.ok(
          decisions.every((batch) => batch.forced),
          'a decision was not forced',
        );
      },
    };
  },
};

export const persistBeforeSend: Rule = {
  name: 'nobody is told what is not durable, nor an abort once a decision is with the log',
  source: 'PROTOCOL 3 and 6; Gray 1978, the write-ahead rule',
  weather: 'hands',
  watch(world) {
    return {
      sent(order) {
        const records = world.log.batches.flatMap((batch) => batch.records);
        // The last one's no is heard by all, since it would say the same again; an operator's would not.
        const no = world.log.batches.findIndex((batch) =>
          batch.records.some((r) => r.kind === 'settled' && r.outcome === 'aborted'),
        );
        const saidNo = no >= 0 && (!world.log.batches[no]?.forced || no < world.log.durable);
        const handedOver = records.some(isDecision) && !saidNo;
        const decides = ['commit', 'apply'].includes(order.kind)
          ? (record: { readonly kind: string }) => record.kind === 'commit-decided'
          : isDecision;
        const isDurable = world.log.durableRecords.some(decides);
        const kind = order.kind === 'verdict' ? order.verdict : order.kind;
        const number = order.kind === 'verdict' ? order.branch : order.branch.branch;
        // An operator's word is told against the decision, on purpose.
        if (stateOf(world.tx, number) === 'resolved') return;
        if (['commit', 'apply', 'one-phase', 'settle'].includes(kind)) {
          assert.ok(isDurable, `${kind} was sent before the decision was durable`);
        }
        if (kind === 'abort') assert.ok(!handedOver, 'abort was sent with a decision in the log');
      },
    };
  },
};

export const endedWhenAcknowledged: Rule = {
  name: 'a transaction is ended only when every branch has acknowledged',
  source: 'Mohan, Lindsay, Obermarck 1986, section 2',
  weather: 'hands',
  watch() {
    const acknowledged = new Set<number>();
    return {
      stepped({ input, before, events }) {
        if (input.kind === 'result') {
          const { is } = input.result;
          const isEnd =
            is === 'committed' || (is === 'rolled-back' && before.phase === 'delegated');
          if (isEnd) acknowledged.add(input.branch);
        }
        for (const event of events) {
          if (event.kind !== 'acknowledged') continue;
          for (const branch of event.by) assert.ok(acknowledged.has(branch), `${branch} has not`);
        }
        if (!events.some((event) => event.kind === 'ended')) return;
        const isAborted = events.some((e) => e.kind === 'settled' && e.outcome === 'aborted');
        for (const { branch, state } of before.branches) {
          if (isAborted && state.is === 'yes') continue; // an abort is presumed, however few heard it
          const isAcknowledged = state.is === 'read-only' || acknowledged.has(branch);
          assert.ok(isAcknowledged, `ended, but branch ${branch} has not acknowledged`);
        }
      },
    };
  },
};

export const toldNoMore: Rule = {
  name: 'who has acknowledged is told nothing again once all have, though a branch did not follow',
  source: 'docs/guarantees.md, rule 16',
  weather: 'hands',
  watch(world) {
    const said = (records: readonly TransactionEvent[]) =>
      records.flatMap((record) => (record.kind === 'acknowledged' ? record.by : []));
    const logged = () => world.log.batches.flatMap((batch) => batch.records);
    return {
      stepped({ before, events, after }) {
        if (before.phase !== 'committing' || after.phase !== 'committing') return;
        if (after.branches.some((b) => b.state.is === 'yes')) return;
        const known = new Set(said([...logged(), ...events]));
        for (const record of logged()) if (record.kind === 'resolved') known.add(record.branch);
        for (const { branch, state } of after.branches) {
          if (state.is === 'committed') assert.ok(known.has(branch), `${branch} is told again`);
        }
      },
      restarted() {
        if (world.tx === undefined) return;
        const told = world.core.outstanding(world.tx).map(({ branch }) => branch.branch);
        for (const branch of said(logged())) assert.ok(!told.includes(branch), `${branch} is told`);
      },
    };
  },
};

export const replayedLikeLive: Rule = {
  name: 'the log gives back the same answers as the state that wrote it',
  source: 'STYLE, the one idea; PROTOCOL 18',
  weather: 'hands',
  watch(world) {
    return {
      acted() {
        const { tx: live, core, isUp } = world;
        if (!isUp || live === undefined) return;
        const again = replay(core, world.log.batches);
        if (again === undefined) {
          const hasWriter = live.branches.some(
            (b) => b.state.is === 'yes' || b.state.is === 'ready',
          );
          const { is } = core.outcomeOf(live);
          assert.ok(is !== 'committed' || !hasWriter, 'committed without a record');
          assert.ok(!core.hasHeuristic(live), 'a heuristic without a record');
          return;
        }
        // A replayed decision is durable by definition; live, its answer may be under way.
        if (live.phase === 'deciding' || live.phase === 'delegating') return;
        assert.equal(core.outcomeOf(again).is, core.outcomeOf(live).is, 'another outcome');
        assert.equal(core.hasHeuristic(again), core.hasHeuristic(live), 'another heuristic');
        for (let number = 1; number <= live.branches.length + 1; number += 1) {
          // An acknowledgement after an operator's word is not logged, and need not be.
          if (stateOf(again, number) === 'resolved' && stateOf(live, number) === 'committed')
            continue;
          const verdict = core.verdictOn(again, number);
          assert.equal(verdict, core.verdictOn(live, number), `verdict on branch ${number}`);
        }
      },
    };
  },
};

export const heuristicsStay: Rule = {
  name: 'a branch that did not follow is reported, and stays reported until it is resolved',
  source: 'docs/guarantees.md, rules 11 and 13',
  weather: 'hands',
  watch(world) {
    return {
      stepped({ before, input, after }) {
        for (const { branch, state } of before.branches) {
          if (state.is !== 'heuristic') continue;
          const isResolved = input.kind === 'resolve' && input.branch === branch;
          // Of a delegated branch the receipt may still tell, later.
          const isReceipt = input.kind === 'result' && before.phase === 'delegated';
          if (!isResolved && !isReceipt) assert.equal(stateOf(after, branch), 'heuristic');
        }
        for (const { branch, state } of after.branches) {
          const isReceipt = after.phase === 'delegated';
          const others = isReceipt ? [] : (['committed', 'rolled-back'] as const);
          const answers = ['unknown', 'pending', ...others] as const;
          if (state.is === 'heuristic') assertStays(world, after, branch, answers);
        }
      },
      restarted() {
        for (const branch of lastWords(world, 'heuristic')) {
          assert.equal(stateOf(world.tx, branch), 'heuristic', `branch ${branch} was forgotten`);
        }
      },
      rested() {
        if (world.answer !== 'committed' || world.tx === undefined) return;
        for (const { name, branch, state, wasRestored } of world.rms) {
          if (branch === 0 || state !== 'rolled-back' || wasRestored) continue;
          const known = stateOf(world.tx, branch) ?? 'unknown';
          assert.ok(['heuristic', 'resolved'].includes(known), `${name} is taken for ${known}`);
        }
      },
    };
  },
};

export const operatorsWordStays: Rule = {
  name: "an operator's word stands until the resource manager itself says committed",
  source: 'decide.ts',
  weather: 'hands',
  watch(world) {
    return {
      stepped({ before, input, after }) {
        for (const { branch, state } of before.branches) {
          if (state.is !== 'resolved') continue;
          const isFact = input.kind === 'result' && input.result.is === 'committed';
          if (!isFact) assert.equal(stateOf(after, branch), 'resolved', `branch ${branch}`);
        }
        for (const { branch, state } of after.branches) {
          const answers = ['rolled-back', 'unknown', 'pending'] as const;
          if (state.is === 'resolved') assertStays(world, after, branch, answers);
        }
      },
      restarted() {
        for (const branch of lastWords(world, 'resolved')) {
          assert.equal(stateOf(world.tx, branch), 'resolved', `branch ${branch} was forgotten`);
        }
      },
    };
  },
};

/** Answers to earlier questions may come at any time. */
function assertStays(
  { core }: World,
  tx: Transaction,
  branch: number,
  answers: readonly Result['is'][],
): void {
  const before = stateOf(tx, branch);
  for (const is of answers) {
    const result = { is, reason: reason('internal', 'probe') };
    const step = core.step(tx, { kind: 'result', branch, result });
    const after = 'refused' in step ? before : stateOf(step.state, branch);
    assert.equal(after, before, `branch ${branch} was ${before} when ${is} came`);
  }
}

/** Branches of which the log's last heuristic or resolved record is of this kind. */
function lastWords(world: World, kind: 'heuristic' | 'resolved'): readonly number[] {
  const last = new Map<number, string>();
  for (const record of world.log.batches.flatMap((batch) => batch.records)) {
    if (record.kind === 'heuristic') last.set(record.branch.branch, record.kind);
    if (record.kind === 'resolved') last.set(record.branch, record.kind);
    // What settles a delegated transaction is the receipt, or that same word.
    if (record.kind === 'settled' || record.kind === 'commit-decided') last.clear();
  }
  return [...last].filter(([, found]) => found === kind).map(([branch]) => branch);
}

function stateOf(tx: Transaction | undefined, number: number): string | undefined {
  return tx?.branches.find((b) => b.branch === number)?.state.is;
}

/** What is logged, when, and what the log gives back. */
export const recordRules: readonly Rule[] = [
  presumedAbort,
  persistBeforeSend,
  endedWhenAcknowledged,
  toldNoMore,
  replayedLikeLive,
  heuristicsStay,
  operatorsWordStays,
];
