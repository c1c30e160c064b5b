import { type Reason, reason } from '@unanimous/proto';
import type { VerdictOn } from '../../../coordinator/src/protocol/answers.ts';
import type { Result, Vote } from '../../../coordinator/src/protocol/decide.ts';
import type { Message } from '../../../coordinator/src/protocol/step.ts';

/** How a participant takes part, drawn before the run. */
export interface Plan {
  readonly kind: 'native' | 'logged' | 'last';
  readonly canOnePhase: boolean;
  readonly vote: 'yes' | 'no' | 'read-only';
  /** Its database soon forgets what became of a branch; only in the worst weather. */
  readonly forgets: boolean;
}

/** What became of the branch in its resource manager. All but `working` and `ready` is durable. */
export type RmState =
  | 'absent'
  | 'working'
  | 'read-only'
  | 'prepared'
  /** One phase: open, not prepared, waits for the permission. */
  | 'ready'
  /** One phase: the database works on the COMMIT. */
  | 'committing'
  | 'committed'
  | 'rolled-back';

/** What a participant sends. */
export type Reply =
  | { readonly kind: 'vote'; readonly branch: number; readonly vote: Vote }
  | { readonly kind: 'result'; readonly branch: number; readonly result: Result }
  | { readonly kind: 'in-doubt'; readonly branch: number };

/** What a participant hears. */
export type Order =
  | Message
  | { readonly kind: 'verdict'; readonly branch: number; readonly verdict: VerdictOn };

/**
 * An honest resource manager with its participant and one branch. An unvoted branch dies with its
 * session; a prepared one stays until it is told; one phase commits only on permission; what it
 * says of phase two is what its durable state says.
 */
export class ResourceManager {
  readonly name: string;
  readonly plan: Plan;
  branch = 0;
  state: RmState = 'absent';
  /** The vote that it has handed over; it never takes it back. */
  voted: Vote['is'] | undefined;
  /** False when the database does not know what became of a branch that has ended. */
  receiptReadable = true;
  /** True when the database went back in time, to where the branch was prepared. */
  wasRestored = false;

  constructor(name: string, plan: Plan) {
    this.name = name;
    this.plan = plan;
  }

  get receipt(): string {
    return `receipt of ${this.name}`;
  }

  get redo(): Uint8Array {
    return this.plan.kind === 'logged' ? new TextEncoder().encode(this.name) : new Uint8Array();
  }

  /** True when the branch holds locks and its participant does not know the decision. */
  get isInDoubt(): boolean {
    return this.plan.kind === 'native' && this.state === 'prepared';
  }

  /** True when the branch holds something that only phase two, or a lost session, frees. */
  get isOpen(): boolean {
    return this.isInDoubt || ['working', 'ready', 'committing'].includes(this.state);
  }

  /** Starts the branch. */
  enlist(branch: number): void {
    this.branch = branch;
    this.state = 'working';
  }

  /** The session, the process or the connection on which the branch lives is gone. */
  loseHome(): void {
    if (this.state === 'working' || this.state === 'ready') this.state = 'rolled-back';
  }

  /** Does what it is told; the answer goes back on the same session. */
  receive(order: Order): Reply | undefined {
    switch (order.kind) {
      case 'prepare':
        return this.#vote('prepared', 'yes');
      case 'prepare-one-phase':
        return this.#vote('ready', 'ready');
      case 'one-phase':
        if (this.state !== 'ready') return this.settled();
        this.state = 'committing';
        return undefined;
      case 'settle':
        return this.settled();
      case 'commit':
        return this.state === 'prepared' ? this.end('committed') : this.settled();
      case 'apply':
        return this.end('committed');
      case 'abort':
        return this.#abort();
      case 'verdict':
        return this.#follow(order.verdict);
    }
  }

  #vote(whenYes: 'prepared' | 'ready', yes: 'yes' | 'ready'): Reply {
    const { vote } = this.plan;
    if (this.state === 'working') {
      this.voted = vote === 'yes' ? yes : vote;
      this.state = { yes: whenYes, no: 'rolled-back', 'read-only': 'read-only' }[vote] as RmState;
    }
    const may = this.state === whenYes || this.state === 'read-only';
    return this.vote(may ? (this.voted ?? 'no') : 'no');
  }

  vote(is: Vote['is']): Reply {
    const { branch, receipt, redo } = this;
    if (is === 'read-only') return { kind: 'vote', branch, vote: { is } };
    if (is === 'no') return { kind: 'vote', branch, vote: { is, reason: because('no') } };
    return { kind: 'vote', branch, vote: { is, receipt, redo } };
  }

  #abort(): Reply {
    switch (this.state) {
      case 'absent':
      case 'read-only':
        return this.result('rolled-back');
      case 'working':
      case 'ready':
      case 'prepared':
        return this.end('rolled-back');
      case 'committing':
      case 'committed':
      case 'rolled-back':
        return this.settled();
    }
  }

  #follow(verdict: VerdictOn): Reply | undefined {
    if (!this.isInDoubt || verdict === 'wait' || verdict === 'hazard') return undefined;
    return this.end(verdict === 'commit' ? 'committed' : 'rolled-back');
  }

  /** The branch ends, and whoever ended it knows how. */
  end(as: 'committed' | 'rolled-back'): Reply {
    this.state = as;
    return this.result(as);
  }

  /** The answer of the receipt. */
  settled(): Reply {
    switch (this.state) {
      case 'working':
      case 'prepared':
      case 'ready':
      case 'committing':
        return this.result('pending');
      case 'committed':
      case 'rolled-back':
        return this.result(this.receiptReadable ? this.state : 'unknown');
      case 'absent':
      case 'read-only':
        return this.result('unknown');
    }
  }

  result(is: Result['is']): Reply {
    return { kind: 'result', branch: this.branch, result: { is, reason: because(is) } };
  }
}

function because(word: string): Reason {
  return reason('rm-unavailable', `the resource manager said ${word}`);
}
