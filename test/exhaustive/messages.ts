import type { VerdictOn } from '../../coordinator/src/protocol/answers.ts';
import type { Result, Vote } from '../../coordinator/src/protocol/decide.ts';
import type { Order } from '../../participant-sdk/src/protocol/branch-state.ts';
import { Interner } from './canonical.ts';

/** What travels to a participant. `tx` and `branch` name a branch; `slot` one that has no number. */
export type Down =
  | { readonly kind: 'served' }
  | { readonly kind: 'enlisted'; readonly slot: number }
  | { readonly kind: 'refused'; readonly slot: number }
  | { readonly kind: 'whole-refused'; readonly tx: number }
  | {
      readonly kind: 'prepare';
      readonly tx: number;
      readonly branch: number;
      readonly onePhase: boolean;
    }
  | {
      readonly kind: 'order';
      readonly name: string;
      readonly tx: number;
      readonly branch: number;
      readonly order: Order;
    }
  | {
      readonly kind: 'verdict';
      readonly tx: number;
      readonly branch: number;
      readonly verdict: VerdictOn | 'foreign';
      /** It answers a question on a prepared branch; otherwise a vote that came too late. */
      readonly asked: boolean;
      /** It answers a question on an entry of the audit table. */
      readonly audited: boolean;
      /** An operator has said so. */
      readonly word: boolean;
    };

/** What travels to the coordinator. */
export type Up =
  | { readonly kind: 'enlist'; readonly slot: number }
  /** Begin, branches, votes and commit at once. */
  | {
      readonly kind: 'whole';
      readonly tx: number;
      readonly branches: readonly {
        readonly rm: number;
        readonly incarnation: string;
        readonly vote: Vote;
      }[];
    }
  /** The abort of a transaction of which the coordinator was never told. */
  | { readonly kind: 'abort-untold'; readonly tx: number }
  | {
      readonly kind: 'vote';
      readonly tx: number;
      readonly branch: number;
      readonly incarnation: string;
      readonly vote: Vote;
    }
  | {
      readonly kind: 'result';
      readonly tx: number;
      readonly branch: number;
      readonly result: Result;
    }
  | {
      readonly kind: 'in-doubt';
      readonly tx: number;
      readonly branch: number;
      /** Its resource manager went back in time since it was prepared. */
      readonly wentBack: boolean;
      /** Of another coordinator's log. */
      readonly foreign: boolean;
      /** It was committed by hand, as the audit table says. */
      readonly audited: boolean;
    };

/** Messages by number, and queues of them by number; queue 0 is empty. */
export class Mail<M> {
  readonly #messages: Interner<M>;
  readonly #queues = new Interner<readonly number[]>([]);
  readonly #pushed: number[][] = [];
  readonly #popped: number[] = [];

  constructor(first: M) {
    this.#messages = new Interner<M>(first);
  }

  id(message: M): number {
    return this.#messages.id(message);
  }

  message(id: number): M {
    return this.#messages.value(id);
  }

  /** The queue with a message more at its end. */
  push(queue: number, message: number): number {
    const row = (this.#pushed[queue] ??= []);
    return (row[message] ??= this.#queues.id([...this.#queues.value(queue), message]));
  }

  /** Number of the oldest message of a queue that is not empty. */
  first(queue: number): number {
    return this.#queues.value(queue)[0] as number;
  }

  /** The queue without its oldest message. */
  pop(queue: number): number {
    return (this.#popped[queue] ??= this.#queues.id(this.#queues.value(queue).slice(1)));
  }

  has(queue: number, matches: (message: M) => boolean): boolean {
    return this.#queues.value(queue).some((id) => matches(this.message(id)));
  }
}
