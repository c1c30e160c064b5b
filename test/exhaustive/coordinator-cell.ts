import { formatGid, type LogId, reason } from '@unanimous/proto';
import { tellBranch } from '../../coordinator/src/messages.ts';
import { outcomeOf, verdictOn } from '../../coordinator/src/protocol/answers.ts';
import type { Input, Result } from '../../coordinator/src/protocol/decide.ts';
import { whyIsIt } from '../../coordinator/src/protocol/decide-phase-two.ts';
import { type DecidedBranch, durability } from '../../coordinator/src/protocol/record.ts';
import { type Message, outstanding } from '../../coordinator/src/protocol/step.ts';
import {
  begunTransaction,
  evolve,
  isOver,
  type Transaction,
  type TransactionEvent,
  type TransactionRecord,
} from '../../coordinator/src/protocol/transaction.ts';
import type { ResourceManagers } from '../../coordinator/src/resource-managers.ts';
import { orderOfAbort, orderOfCommit } from '../../participant-sdk/src/participant/wire.ts';
import { Interner, Memo } from './canonical.ts';
import { coreStep } from './core-step.ts';
import { told } from './layout.ts';
import { type Batch, LogCell } from './log-cell.ts';
import type { Down, Mail } from './messages.ts';
import type { Variant } from './variant.ts';
import type { RuleName } from './without.ts';

/** The reason of everything that needs one: what is said to people changes no state. */
export const why = reason('internal', 'model');

/** What an input does to a transaction; 0 stands for nothing. */
export interface Move {
  readonly tx: number;
  readonly batch: number;
  readonly forced: boolean;
  readonly sends: number;
}

/** A message and the session that takes it. */
export interface Sent {
  readonly site: number;
  readonly message: number;
}

type Stray = Pick<DecidedBranch, 'branch' | 'rm' | 'kind' | 'incarnation'>;

interface Sends {
  readonly state: Transaction;
  readonly messages: readonly Message[];
}

/** What a restart reads. */
export interface Replayed {
  readonly txs: readonly number[];
  readonly mark: number;
}

/** Base of the numbers that stand for a session in a row of them. */
export const sessionBase = 8;

/**
 * The production core, its records and its routing, on numbers: each pair of a state and an input is
 * stepped once and remembered, which a pure function allows.
 */
export class CoordinatorCell {
  readonly log: LogCell;
  readonly inputs = new Interner<Input>({ kind: 'commit' });
  readonly #txs = new Interner<Transaction | undefined>(undefined);
  readonly #sends = new Interner<Sends | undefined>(undefined);
  readonly #variant: Variant;
  readonly #without: RuleName | undefined;
  readonly #mail: Mail<Down>;
  readonly #answers: number[] = [];
  readonly #moves = new Memo((tx, input: number) => this.#step(tx, this.inputs.value(input)));
  readonly #routes = new Memo((sends, serving: number) => this.#route(sends, serving));
  readonly #owed = new Memo((tx, rm: number) => this.#outstanding(tx, rm));
  readonly #replays: Replayed[] = [];

  constructor(variant: Variant, without: RuleName | undefined, mail: Mail<Down>) {
    this.#variant = variant;
    this.#without = without;
    this.#mail = mail;
    this.log = new LogCell(without === '18-start');
  }

  get txCount(): number {
    return this.#txs.size;
  }

  tx(id: number): Transaction | undefined {
    return this.#txs.value(id);
  }

  begun(index: number): number {
    return this.#txs.id(begunTransaction(gidOf(index)));
  }

  /** A step of the core. */
  step(tx: number, input: number): Move {
    return this.#moves.get(tx, input);
  }

  /** Who hears what, when `serving` tells on which session each site is served. */
  route(sends: number, serving: number): readonly Sent[] {
    return this.#routes.get(sends, serving);
  }

  /** What a resource manager still owes a transaction, as something to send. */
  owed(tx: number, rm: number): number {
    return this.#owed.get(tx, rm);
  }

  replay(log: number): Replayed {
    return (this.#replays[log] ??= this.#replay(log));
  }

  /**
   * Whom a restart on this log would tell again of a transaction, of those that have acknowledged where
   * nothing more is waited for.
   */
  toldAgain(id: number, tx: number, log: number): string | undefined {
    const state = this.tx(id);
    if (state?.phase !== 'committing' || !state.branches.every(isOver)) return undefined;
    const again = this.tx(this.replay(log).txs[tx] as number);
    const isDone = (number: number) =>
      state.branches.some((b) => b.branch === number && b.state.is === 'committed');
    const messages = again ? outstanding(again) : [];
    return messages.find(({ branch }) => isDone(branch.branch))?.branch.rm;
  }

  verdict(tx: number, branch: number) {
    const state = this.tx(tx) as Transaction;
    const isLive = outcomeOf(state).is === 'undecided';
    if (this.#without === '10-wait' && isLive) return 'abort';
    return verdictOn(state, branch);
  }

  /** What is told of a transaction that is known. */
  answerBits(id: number): number {
    return (this.#answers[id] ??= this.#answer(this.tx(id) as Transaction));
  }

  #answer(state: Transaction): number {
    const { is } = outcomeOf(state);
    return is === 'undecided' ? 0 : told[is];
  }

  /** What somebody answers for a branch of a transaction that is known no more. */
  adopt(id: number, tx: number, stray: Stray, result: Result): Move {
    const { is } = result;
    if (is === 'pending') throw new Error('pending is no heuristic');
    const branch = { ...stray, receipt: '', redo: new Uint8Array() };
    const about = { gid: gidOf(tx), decision: 'aborted', branch } as const;
    const cause = whyIsIt(result, stray.rm);
    const heuristic = { kind: 'heuristic', ...about, result: is, reason: cause } as const;
    const batch: Batch = { tx, records: [heuristic], forced: true, epoch: 0 };
    const state = evolve(this.#txs.value(id), heuristic);
    return { tx: this.#txs.id(state), batch: this.log.batches.id(batch), forced: true, sends: 0 };
  }

  #step(tx: number, input: Input): Move {
    const before = this.#txs.value(tx) as Transaction;
    const step = coreStep(before, input, this.#without);
    if ('refused' in step) return { tx, batch: 0, forced: false, sends: 0 };
    const { state, events, messages } = step;
    const records = events.filter(isRecord);
    const forced = records.some((record) => durability[record.kind] === 'forced');
    const batch: Batch = { tx: txOf(state), records, forced, epoch: 0 };
    const sends = messages.length > 0 ? this.#sends.id({ state, messages }) : 0;
    const after = { tx: this.#txs.id(state), forced, sends };
    return { ...after, batch: records.length > 0 ? this.log.batches.id(batch) : 0 };
  }

  #outstanding(tx: number, rm: number): number {
    const state = this.#txs.value(tx) as Transaction;
    // The driver keeps the book of what is owed by what is decided, and by nothing else.
    if (state.phase !== 'committing' && state.phase !== 'delegated') return 0;
    const messages = outstanding(state, rmName(rm));
    return messages.length > 0 ? this.#sends.id({ state, messages }) : 0;
  }

  /** The production routing, on a register of sessions that is one number. */
  #route(sends: number, serving: number): readonly Sent[] {
    const { state, messages } = this.#sends.value(sends) as Sends;
    const sent: Sent[] = [];
    const rms = this.#register(serving, (site, message) => {
      sent.push({ site, message: this.#mail.id(message) });
    });
    for (const message of messages) tellBranch(rms, state, this.#addressed(message, serving), 0);
    return sent;
  }

  /** Without rule 2 a branch lives wherever its resource manager is served now. */
  #addressed(message: Message, serving: number): Message {
    if (this.#without !== '2-incarnation' && this.#without !== '3-hello') return message;
    const { branch } = message;
    const session = this.#sessions(serving).find((s) => s.rm === branch.rm)?.number ?? 0;
    return { ...message, branch: { ...branch, session } };
  }

  #sessions(serving: number) {
    return this.#variant.sites.flatMap((site, index) => {
      const generation = Math.floor(serving / sessionBase ** index) % sessionBase;
      if (generation === 0) return [];
      return [{ index, rm: rmName(site.rm), number: sessionNumber(index, generation) }];
    });
  }

  #register(serving: number, send: (site: number, message: Down) => void): ResourceManagers {
    const sessions = this.#sessions(serving);
    const port = (one: (typeof sessions)[number] | undefined) => {
      if (one === undefined) return undefined;
      const add = (field: string, wire: never) => send(one.index, downOf(field, wire));
      return { session: { number: one.number, instance: '', writer: { add } } };
    };
    const servedBy = (rm: string, session: number) => {
      return port(sessions.find((one) => one.rm === rm && one.number === session));
    };
    const pick = (rm: string, preferred = 0) => {
      return servedBy(rm, preferred) ?? port(sessions.find((one) => one.rm === rm));
    };
    const lowWaterSeq = () => 0;
    return { servedBy, pick, lowWaterSeq } as unknown as ResourceManagers;
  }

  /** As the driver does it: a decision that is in the log is durable. */
  #replay(log: number): Replayed {
    const states = new Map<number, Transaction>();
    let mark = 0;
    for (const [index, { tx, records }] of this.log.entries(log, 'all').entries()) {
      if (records.length === 0) mark = Math.max(mark, tx + 1);
      for (const record of records) {
        let state = evolve(states.get(tx), record);
        if (['commit-decided', 'delegated', 'last-asked'].includes(record.kind)) {
          state = evolve(state, { kind: 'recorded', at: this.place(index) });
        }
        states.set(tx, state);
      }
    }
    const txs = this.#variant.plans.map((_, tx) => this.#txs.id(states.get(tx)));
    return { txs, mark };
  }

  /** The place of an append, where places matter. */
  place(index: number) {
    return { epoch: 1, seq: this.#variant.places ? index + 1 : 1 };
  }
}

const logId = '4f1c9a7be203' as LogId;

export function gidOf(tx: number) {
  return formatGid(logId, { epoch: 1, counter: tx + 1 });
}

export function rmName(rm: number): string {
  return `rm${rm + 1}`;
}

/** Number of a session; a site has another one after each time that it was lost. */
export function sessionNumber(site: number, generation: number): number {
  return site * sessionBase + generation;
}

function txOf({ gid }: { readonly gid: string }): number {
  return Number(gid.slice(gid.lastIndexOf('-') + 1)) - 1;
}

function isRecord(event: TransactionEvent): event is TransactionRecord {
  return Object.hasOwn(durability, event.kind);
}

type Wire = Parameters<typeof orderOfCommit>[0] &
  Parameters<typeof orderOfAbort>[0] & { readonly onePhase: boolean };

function downOf(field: string, wire: Wire): Down {
  const { branch, gid } = wire;
  const tx = txOf({ gid });
  if (field === 'prepares') return { kind: 'prepare', tx, branch, onePhase: wire.onePhase };
  const order = field === 'commits' ? orderOfCommit(wire) : orderOfAbort(wire);
  if (order === undefined) throw new Error(`no order in ${field}`);
  return { kind: 'order', name: field === 'commits' ? wire.kind : 'ABORT', tx, branch, order };
}
