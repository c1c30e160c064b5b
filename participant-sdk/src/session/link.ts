import {
  type Acknowledgement,
  type Alarm,
  Alarms,
  type Begun,
  boundsOfPeerFrame,
  type CoordinatorFrame,
  type Enlisted,
  failpoint,
  FrameWriter,
  type Hello,
  newPeerFrame,
  type Outcome,
  type PeerFrame,
  type Refusal,
  readReason,
  type Reserved,
  type Served,
  UnanimousError,
  type Welcome,
} from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { GidSupply } from './gid-supply.ts';
import { PendingRequests } from './pending-requests.ts';
import type { Connection, Transport } from './transport.ts';

/** What each kind of request is answered with. */
interface Answers {
  serves: Served;
  enlists: Enlisted;
  begins: Begun;
  aborts: Outcome;
  commits: Outcome;
  asks: Outcome;
  reserves: Reserved;
  wholes: Outcome;
}

/** A request without its number. */
type Question<K extends keyof Answers> = Omit<PeerFrame[K][number], 'ref'>;

/** Hears the one answer to a request, in the turn in which its frame arrived. */
export interface Pending<A> {
  answer(answer: A): void;
  refuse(error: UnanimousError): void;
}

/** Who owns a link. All are called in the order of a frame's fields. */
export interface LinkOwner {
  welcomed(link: Link): void;
  /** Everything but answers to requests: `part` says which fields are due. */
  received(link: Link, frame: CoordinatorFrame, part: 'phase-two' | 'phase-one' | 'end'): void;
  /** The link is over; told once, before its pending requests are refused. */
  lost(link: Link, error: UnanimousError): void;
}

/** Messages that may wait before new transactions are refused; finishing ones goes on. */
const maxWaitingForBegin = 32_768;

/** Bytes that may wait before what carries payloads has to wait for room; half of the outbox. */
const roomBytes = 8 * 1_024 * 1_024;

/** How long acknowledgements wait for company on which nothing hangs. */
const companyMs = 10;

/** Requests that are answered with an outcome. */
const outcomeKinds = ['commits', 'aborts', 'asks', 'wholes'] as const;

/** How long a coordinator may take to welcome us. */
const welcomeTimeoutMs = 5_000;

/** One connection, from hello to its end. Its requests never outlive it. */
export class Link {
  readonly #owner: LinkOwner;
  readonly #connection: Connection;
  readonly #writer: FrameWriter<PeerFrame>;
  readonly #pending = new PendingRequests<keyof Answers, Pending<never>>();
  /** Senders that wait for room, in their order. */
  readonly #forRoom: { readonly bytes: number; readonly send: () => void }[] = [];
  readonly #callOffWelcome: () => void;
  readonly #alarms: Alarms;
  /** Acknowledgements that travel with what leaves next. */
  #unhurried: Acknowledgement[] = [];
  #late: Alarm | undefined;
  /** Under which transactions may begin here without a word. */
  readonly gids: GidSupply;
  #isOver = false;
  #isEnding = false;
  #welcome: Welcome | undefined;
  /** The coordinator is about to stop. */
  isDraining = false;

  constructor(transport: Transport, hello: Hello, ambient: Ambient, owner: LinkOwner) {
    this.#owner = owner;
    this.gids = new GidSupply(this, ambient);
    this.#alarms = new Alarms(ambient);
    this.#writer = new FrameWriter<PeerFrame>({
      newFrame: newPeerFrame,
      bounds: boundsOfPeerFrame,
      write: (frame) => this.#connection.write(frame),
      onWritten: () => this.#letIn(),
      onOverflow: () => this.fail(new UnanimousError('overloaded', 'the outbox overflowed')),
      schedule: (flush) => ambient.soon(flush),
    });
    this.#connection = transport.connect({
      frame: (frame) => this.#receive(frame),
      drained: () => this.#writer.drained(),
      closed: (error) => this.#over(asLoss(error)),
    });
    this.#callOffWelcome = ambient.after(welcomeTimeoutMs, () => {
      this.fail(new UnanimousError('not-connected', 'the coordinator did not say welcome'));
    });
    this.#writer.set('hello', hello); // leaves at the end of this turn, when the owner knows us
  }

  /** What the coordinator said of itself; the link is open only then. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Too much waits already: nothing new should be begun. */
  get isCongested(): boolean {
    return this.#writer.waitingMessages > maxWaitingForBegin;
  }

  /**
   * Calls `send` when so many bytes have room in the outbox: at once, or when the coordinator has read
   * on; never when the link ends before. Who has a payload waits here, for an outbox that overflows
   * ends the session.
   */
  whenRoom(bytes: number, send: () => void): void {
    if (this.#forRoom.length === 0 && this.#hasRoom(bytes)) send();
    else if (!this.#isOver) this.#forRoom.push({ bytes, send });
  }

  /** All that was said has left, but for acknowledgements that wait for company. */
  get isIdle(): boolean {
    return this.#writer.waitingMessages === 0;
  }

  /** Sends a message that has no answer. */
  send<K extends 'acknowledgements' | 'votes' | 'inDoubts'>(
    kind: K,
    message: PeerFrame[K][number],
  ): void {
    if (this.#isEnding) return;
    this.#hurry();
    this.#writer.add(kind, message as never);
  }

  /** As `send`, of what nobody waits for: it leaves with what leaves next, or soon by itself. */
  acknowledgeSoon(message: Acknowledgement): void {
    if (this.#isEnding) return;
    this.#unhurried.push(message);
    // If we crash here, the coordinator tells the branch again, and its receipt answers.
    failpoint('p.ack.waits', message.rm);
    if (this.isDraining) this.#hurry();
    else this.#late ??= this.#alarms.set(companyMs, () => this.#hurry());
  }

  #hurry(): void {
    if (this.#unhurried.length === 0) return;
    this.#late?.cancel();
    this.#late = undefined;
    for (const message of this.#unhurried) this.#writer.add('acknowledgements', message);
    this.#unhurried = [];
  }

  /** Sends a request; exactly one of the two functions is called, once. */
  request<K extends keyof Answers>(kind: K, question: Question<K>, pending: Pending<Answers[K]>) {
    if (this.#isOver || this.#isEnding) {
      pending.refuse(new UnanimousError('session-lost', 'the session is over'));
      return;
    }
    this.#hurry();
    const ref = this.#pending.add(kind, pending);
    // The spread last: before a new key it would give every message a hidden class of its own.
    this.#writer.add(kind, { ref, ...question } as never);
  }

  /** As `request`; rejects with the refusal, or `session-lost`. */
  ask<K extends keyof Answers>(kind: K, question: Question<K>): Promise<Answers[K]> {
    return new Promise((resolve, reject) => {
      this.request(kind, question, { answer: resolve, refuse: reject });
    });
  }

  /** Ends the link after what was sent. */
  close(): void {
    if (this.#isEnding) return;
    this.#hurry();
    this.#isEnding = true;
    this.#writer.flush();
    this.#connection.close();
  }

  /** Gives the link up at once. */
  fail(error: UnanimousError): void {
    this.#connection.close();
    this.#over(error);
  }

  #over(error: UnanimousError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isEnding = true;
    this.#forRoom.length = 0;
    this.#callOffWelcome();
    this.#late?.cancel();
    this.#writer.close();
    const pending = this.#pending.takeAll();
    const lost = new UnanimousError('session-lost', `the session was lost: ${error.message}`, {
      cause: error,
    });
    // First the transactions, so that their functions hear why they end before their calls fail.
    this.#owner.lost(this, error);
    for (const request of pending) request.pending.refuse(lost);
  }

  #hasRoom(bytes: number): boolean {
    const waitingBytes = this.#writer.waitingBytes;
    return waitingBytes === 0 || waitingBytes + bytes <= roomBytes;
  }

  #letIn(): void {
    for (let [next] = this.#forRoom; next && this.#hasRoom(next.bytes); [next] = this.#forRoom) {
      this.#forRoom.shift();
      next.send();
    }
  }

  #receive(frame: CoordinatorFrame): void {
    if (this.#isOver) return;
    try {
      if (frame.welcome) this.#welcomed(frame.welcome);
      if (!this.#welcome) throw new UnanimousError('internal', 'a frame came before the welcome');
      for (const one of frame.served) this.#answer(['serves'], one.ref, one);
      this.#owner.received(this, frame, 'phase-two');
      for (const one of frame.enlisted) this.#answer(['enlists'], one.ref, one);
      for (const one of frame.begun) this.#answer(['begins'], one.ref, one);
      this.#owner.received(this, frame, 'phase-one');
      for (const one of frame.outcomes) this.#answer(outcomeKinds, one.ref, one);
      for (const one of frame.refusals) this.#refuse(one);
      for (const one of frame.reserved) this.#answer(['reserves'], one.ref, one);
      if (frame.draining) {
        this.isDraining = true;
        this.#hurry(); // or the next incarnation would ask again
      }
      this.#owner.received(this, frame, 'end');
    } catch (error) {
      this.fail(UnanimousError.from(error));
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#welcome) return;
    this.#welcome = welcome;
    this.#callOffWelcome();
    this.#owner.welcomed(this);
  }

  #answer(kinds: readonly (keyof Answers)[], ref: number, answer: Answers[keyof Answers]): void {
    const request = this.#pending.get(ref);
    if (!request) return;
    if (!kinds.includes(request.kind)) {
      throw new UnanimousError('internal', `request ${ref} got the answer to another kind`);
    }
    this.#pending.delete(ref);
    request.pending.answer(answer as never);
  }

  #refuse({ ref, reason, retryAfterMs }: Refusal): void {
    const request = this.#pending.get(ref);
    this.#pending.delete(ref);
    request?.pending.refuse(errorOf(reason, retryAfterMs));
  }
}

/** The error that a reason from the coordinator stands for. */
function errorOf(wire: Refusal['reason'], retryAfterMs = 0, gid?: string): UnanimousError {
  if (!wire) return new UnanimousError('internal', 'refused without a reason');
  const { code, message, hint, rm, retryable } = readReason(wire);
  return new UnanimousError(code, message, {
    retryable,
    ...(hint && { hint }),
    ...(rm && { rm }),
    ...(gid && { gid }),
    ...(retryAfterMs > 0 && { retryAfterMs }),
  });
}

function asLoss(error: Error | undefined): UnanimousError {
  if (error) return UnanimousError.from(error, 'not-connected');
  return new UnanimousError('not-connected', 'the coordinator ended the session');
}
