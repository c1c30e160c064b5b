import { hasHeuristic, outcomeOf, verdictOn } from '../../../coordinator/src/protocol/answers.ts';
import { durability } from '../../../coordinator/src/protocol/record.ts';
import { outstanding, step } from '../../../coordinator/src/protocol/step.ts';
import { begunTransaction, evolve } from '../../../coordinator/src/protocol/transaction.ts';

/** The functions of the protocol that the tests drive: those of production, or of a mutant. */
export interface Core {
  readonly begunTransaction: typeof begunTransaction;
  readonly durability: typeof durability;
  readonly evolve: typeof evolve;
  readonly hasHeuristic: typeof hasHeuristic;
  readonly outcomeOf: typeof outcomeOf;
  readonly outstanding: typeof outstanding;
  readonly step: typeof step;
  readonly verdictOn: typeof verdictOn;
}

export const production: Core = {
  begunTransaction,
  durability,
  evolve,
  hasHeuristic,
  outcomeOf,
  outstanding,
  step,
  verdictOn,
};
