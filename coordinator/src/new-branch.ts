import { UnanimousError } from '@unanimous/proto';
import type { Coordinator } from './coordinator.ts';
import type { Branch } from './protocol/transaction.ts';
import type { Session } from './sessions/session.ts';

/** A session works on a resource manager that it serves. */
interface SessionBranch {
  readonly session: Session;
  readonly rm: string;
  readonly canOnePhase: boolean;
}

/** Work for whoever serves the resource manager. */
interface WorkBranch {
  readonly rm: string;
  readonly work: Uint8Array;
}

/** A branch that somebody wants to add. */
export type EnlistRequest = SessionBranch | WorkBranch;

/** What the checks need of the coordinator. */
type Surroundings = Pick<Coordinator, 'rms' | 'identities' | 'limits'>;

/**
 * The branch that was asked for, without its number.
 * @throws UnanimousError `unknown-rm`, `rm-not-served`, `takes-no-work`, `payload-too-large`,
 * `overloaded` while the RM owes too much.
 */
export function branchFor(request: EnlistRequest, around: Surroundings): Omit<Branch, 'branch'> {
  const { rm } = request;
  if (around.rms.unappliedBytes(rm) > around.limits.maxUnappliedBytes) {
    const message = `rm: ${rm} has too much that is decided and not applied`;
    throw new UnanimousError('overloaded', message, { rm, retryAfterMs: 1_000 });
  }
  return 'session' in request ? sessionBranch(request, around) : workBranch(request, around);
}

function sessionBranch(
  { session, rm, canOnePhase }: SessionBranch,
  { rms }: Surroundings,
): Omit<Branch, 'branch'> {
  const serving = rms.servedBy(rm, session.number);
  if (!serving) {
    throw new UnanimousError('unknown-rm', `rm: this session does not serve ${rm}`, { rm });
  }
  const { kind } = serving;
  const canSkip = canOnePhase || kind === 'last'; // which can do nothing else
  return unvoted({ rm, kind, session: session.number, canOnePhase: canSkip, work: nothing });
}

function workBranch(
  { rm, work }: WorkBranch,
  { rms, identities, limits }: Surroundings,
): Omit<Branch, 'branch'> {
  if (work.byteLength > limits.maxPayloadBytes) {
    const message = `work: ${work.byteLength} bytes; the limit is ${limits.maxPayloadBytes}`;
    throw new UnanimousError('payload-too-large', message, { rm });
  }
  const serving = rms.pickWorker(rm);
  if (serving) {
    const { kind, session } = serving;
    return unvoted({ rm, kind, session: session.number, canOnePhase: false, work });
  }
  if (rms.pick(rm)) {
    throw new UnanimousError('takes-no-work', `rm: ${rm} is written through the SDK`, { rm });
  }
  const message = `rm: no connected process serves ${JSON.stringify(rm.slice(0, 80))}`;
  throw new UnanimousError(identities.has(rm) ? 'rm-not-served' : 'unknown-rm', message, { rm });
}

const nothing = new Uint8Array();

const working = { is: 'working' } as const;

type Enlisted = Pick<Branch, 'rm' | 'kind' | 'canOnePhase' | 'session' | 'work'>;

/** Field by field: there is one for each branch, and a spread makes larger objects. */
function unvoted({ rm, kind, canOnePhase, session, work }: Enlisted): Omit<Branch, 'branch'> {
  return {
    rm,
    kind,
    canOnePhase,
    session,
    work,
    state: working,
    receipt: '',
    redo: nothing,
    incarnation: '',
  };
}
