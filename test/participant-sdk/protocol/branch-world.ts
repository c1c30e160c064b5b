import { type Reason, reason } from '@unanimous/proto';
import { fc } from '../../support/fast-check.ts';
import { absent, step } from '../../../participant-sdk/src/protocol/branch.ts';
import type {
  BranchEffect,
  BranchInput,
  BranchState,
  BranchVote,
  Order,
} from '../../../participant-sdk/src/protocol/branch-state.ts';

/** What a run does next: the coordinator or the process speaks, or the resource answers. */
export type Action =
  | { readonly is: 'input'; readonly input: BranchInput }
  /** The operation that runs now ends: as asked, otherwise, or without an answer. */
  | { readonly is: 'answer'; readonly how: 'as-asked' | 'otherwise' | 'fails' };

const facts = { receipt: 'r', redo: new Uint8Array(), epoch: 1, seq: 7, lowWaterSeq: 0 };
const noReceipt = { ...facts, receipt: '' };

const orders: readonly Order[] = [
  { kind: 'commit', facts, asker: 'decision' },
  { kind: 'commit', facts: noReceipt, asker: 'scan' },
  { kind: 'permit', facts, asker: 'decision' },
  { kind: 'settle', facts, asker: 'decision' },
  { kind: 'abort', receipt: '', prepared: false, asker: 'decision' },
  { kind: 'abort', receipt: 'r', prepared: true, asker: 'decision' },
  { kind: 'abort', receipt: '', prepared: true, asker: 'scan' },
];

const why: Reason = reason('timeout', 'a test');

const input = fc.oneof(
  { weight: 2, arbitrary: fc.constant<BranchInput>({ kind: 'opened' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('prepare' as const),
      onePhase: fc.boolean(),
      work: fc.boolean(),
      obstacle: fc.option(fc.constant(why), { nil: undefined, freq: 5 }),
      unasked: fc.option(fc.constant(true as const), { nil: undefined, freq: 3 }),
    }) as fc.Arbitrary<BranchInput>,
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...orders).map((order): BranchInput => ({ kind: 'order', order })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<BranchInput>(
      { kind: 'retry' },
      { kind: 'handed-over' },
      { kind: 'let-go', reason: why },
      { kind: 'session-opened' },
      { kind: 'decided-elsewhere' },
      { kind: 'outcome-known' },
      { kind: 'doom', reason: why },
      { kind: 'session-lost', reason: why },
      { kind: 'deadline-passed', reason: why },
    ),
  },
);

/** Runs that begin with an open branch more often than not. */
export const actions: fc.Arbitrary<Action[]> = fc
  .tuple(
    fc.boolean(),
    fc.array(
      fc.oneof(
        input.map((one): Action => ({ is: 'input', input: one })),
        fc
          .constantFrom(
            'as-asked' as const,
            'as-asked' as const,
            'otherwise' as const,
            'fails' as const,
          )
          .map((how): Action => ({ is: 'answer', how })),
      ),
      { maxLength: 30 },
    ),
  )
  .map(([isOpen, rest]) =>
    isOpen ? [{ is: 'input', input: { kind: 'opened' } } as const, ...rest] : rest,
  );

type Operation = Extract<
  BranchEffect,
  { run: 'prepare' | 'ready' | 'commit-one-phase' | 'rollback' | 'finish' }
>;

/** One step as it happened. */
export interface Happened {
  readonly before: BranchState;
  readonly input: BranchInput;
  readonly after: BranchState;
  readonly effects: readonly BranchEffect[];
}

/** A branch with a resource that does one thing at a time and answers when told. */
export class BranchWorld {
  state: BranchState = absent;
  operation: Operation | undefined;
  readonly history: Happened[] = [];

  act(action: Action): void {
    if (action.is === 'input') this.input(action.input);
    else if (this.operation) this.input(this.#answer(this.operation, action.how));
  }

  input(given: BranchInput): void {
    const isAnswer = answers.has(given.kind);
    if (isAnswer) this.operation = undefined;
    const before = this.state;
    const { state, effects } = step(before, given);
    this.state = state;
    this.history.push({ before, input: given, after: state, effects });
    for (const effect of effects) {
      if (!isOperation(effect)) continue;
      if (this.operation) throw new Error(`${effect.run} while ${this.operation.run} runs`);
      this.operation = effect;
    }
  }

  /** Lets everything that runs or waits come to its end. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      if (this.operation) this.act({ is: 'answer', how: 'as-asked' });
      else this.input({ kind: 'retry' });
    }
  }

  votes(): BranchVote[] {
    return this.history.flatMap(({ effects }) =>
      effects.flatMap((effect) => (effect.run === 'vote' ? [effect.vote] : [])),
    );
  }

  #answer(operation: Operation, how: 'as-asked' | 'otherwise' | 'fails'): BranchInput {
    switch (operation.run) {
      case 'prepare':
        if (how === 'fails') return { kind: 'refused', reason: why };
        if (how === 'otherwise') return { kind: 'read-only' };
        return { kind: 'prepared', receipt: 'r', redo: new Uint8Array([1]) };
      case 'ready':
        if (how === 'fails') return { kind: 'refused', reason: why };
        return how === 'otherwise' ? { kind: 'read-only' } : { kind: 'readied', receipt: 'r' };
      case 'rollback':
        return { kind: 'rolled-back' };
      case 'commit-one-phase':
        if (how === 'fails') return { kind: 'failed', cause: why };
        return { kind: 'finished', result: { result: 'committed' } };
      case 'finish': {
        if (how === 'fails') return { kind: 'failed', cause: why };
        if (how === 'otherwise') {
          return { kind: 'finished', result: { result: 'unknown', reason: why } };
        }
        const result = operation.order.kind === 'abort' ? 'rolled-back' : 'committed';
        return { kind: 'finished', result: { result } };
      }
    }
  }
}

const answers: ReadonlySet<BranchInput['kind']> = new Set([
  'prepared',
  'readied',
  'read-only',
  'refused',
  'finished',
  'failed',
  'rolled-back',
]);

function isOperation(effect: BranchEffect): effect is Operation {
  return ['prepare', 'ready', 'commit-one-phase', 'rollback', 'finish'].includes(effect.run);
}
