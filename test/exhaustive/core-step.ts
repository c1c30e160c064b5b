import type { Input } from '../../coordinator/src/protocol/decide.ts';
import { type Message, type Step, step } from '../../coordinator/src/protocol/step.ts';
import { isOver, type Transaction } from '../../coordinator/src/protocol/transaction.ts';
import type { RuleName } from './without.ts';

type Stepped = ReturnType<typeof step>;

/** The production core, or the core without a rule. */
export function coreStep(
  before: Transaction,
  input: Input,
  without: RuleName | undefined,
): Stepped {
  switch (without) {
    case '3-log':
      return input.kind === 'deadline' && before.phase === 'deciding'
        ? step({ ...before, phase: 'preparing', onePhase: false }, input)
        : step(before, input);
    case '2-incarnation':
    case '3-hello':
      return step(before, withoutSession(before, input));
    case '8-acknowledged':
      return endedEarly(before, step(before, input));
    case '11-unknown':
      return step(before, trusting(input));
    case '15-after-natives':
      return effectsAtOnce(input, step(before, input));
    case '16-acknowledged':
      return withoutNote(step(before, input));
    default:
      return step(before, input);
  }
}

function withoutNote(stepped: Stepped): Stepped {
  if ('refused' in stepped) return stepped;
  return { ...stepped, events: stepped.events.filter(({ kind }) => kind !== 'acknowledged') };
}

/** A branch does not live on one session: losing it is nothing, and any vote counts. */
function withoutSession(before: Transaction, input: Input): Input {
  if (input.kind === 'session-lost') return { ...input, session: 0 };
  if (input.kind !== 'vote') return input;
  const session = before.branches.find((b) => b.branch === input.branch)?.session;
  return { ...input, session: session ?? input.session };
}

function endedEarly(before: Transaction, stepped: Stepped): Stepped {
  if ('refused' in stepped || before.phase !== 'committing') return stepped;
  if (!stepped.events.some((event) => event.kind === 'followed')) return stepped;
  const { gid, branches } = stepped.state;
  const ended = { kind: 'ended', gid } as const;
  return { ...stepped, state: { phase: 'committed', gid, branches }, events: [ended] };
}

function trusting(input: Input): Input {
  if (input.kind !== 'result' || input.result.is === 'pending') return input;
  return { ...input, result: { ...input.result, is: 'committed' } };
}

function effectsAtOnce(input: Input, stepped: Stepped): Stepped {
  if (input.kind !== 'recorded' || 'refused' in stepped) return stepped;
  if (stepped.state.phase !== 'committing') return stepped;
  const messages = stepped.state.branches
    .filter((branch) => !isOver(branch))
    .map((branch): Message => ({ kind: branch.kind === 'native' ? 'commit' : 'apply', branch }));
  return { ...stepped, messages } satisfies Step;
}
