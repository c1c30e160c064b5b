import { absent, step } from '../../participant-sdk/src/protocol/branch.ts';
import type {
  BranchEffect,
  BranchInput,
  BranchState,
} from '../../participant-sdk/src/protocol/branch-state.ts';
import { Interner, Memo } from './canonical.ts';
import type { RuleName } from './without.ts';

/** What an input does to a branch of a participant. */
export interface BranchMove {
  readonly branch: number;
  /** By number, in order. */
  readonly effects: readonly number[];
}

/** The participant's production machine on numbers; state 0 is a branch that is not here. */
export class BranchCell {
  readonly inputs = new Interner<BranchInput>({ kind: 'opened' });
  readonly #states = new Interner<BranchState>(absent);
  readonly #effects = new Interner<BranchEffect>({ run: 'forget' });
  readonly #without: RuleName | undefined;
  readonly #moves = new Memo((branch, input: number) => this.#step(branch, input));

  constructor(without: RuleName | undefined) {
    this.#without = without;
  }

  get count(): number {
    return this.#states.size;
  }

  state(id: number): BranchState {
    return this.#states.value(id);
  }

  effect(id: number): BranchEffect {
    return this.#effects.value(id);
  }

  step(branch: number, input: number): BranchMove {
    return this.#moves.get(branch, input);
  }

  #step(branch: number, input: number): BranchMove {
    const before = this.state(branch);
    const { state, effects } = step(before, this.#inputOf(before, this.inputs.value(input)));
    // A driver that is done is let go: what comes next finds nothing here.
    const kept = state.at === 'done' ? absent : state;
    const ids = effects.map((effect) => this.#effects.id(effect));
    return { branch: this.#states.id(kept), effects: this.#voted(before, input) ?? ids };
  }

  /** Without rule 3 a branch that has voted yes aborts by itself. */
  #inputOf(before: BranchState, input: BranchInput): BranchInput {
    const isAlone = input.kind === 'session-lost' || input.kind === 'deadline-passed';
    if (this.#without !== '3-yes' || !isAlone || before.at !== 'prepared') return input;
    return {
      kind: 'order',
      order: { kind: 'abort', receipt: '', prepared: true, asker: 'self' },
    };
  }

  /** Without rule 2 an unknown branch has written nothing. */
  #voted(before: BranchState, id: number): readonly number[] | undefined {
    const isUnknown = this.inputs.value(id).kind === 'prepare' && before.at === 'absent';
    if (this.#without !== '2-incarnation' || !isUnknown) return undefined;
    return [this.#effects.id({ run: 'vote', vote: { kind: 'read-only' } })];
  }
}
