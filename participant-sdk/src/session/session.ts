import {
  type CoordinatorFrame,
  type LogPosition,
  protocolMax,
  protocolMin,
  UnanimousError,
} from '@unanimous/proto';
import { type Ambient, within } from '../ambient.ts';
import { backoffMs } from '../backoff.ts';
import { describeError, type Log } from '../logger.ts';
import { Link, type LinkOwner } from './link.ts';
import type { Transport } from './transport.ts';

/** Who hears of links coming and going. */
export interface SessionListener {
  opened(link: Link): void;
  received(link: Link, frame: CoordinatorFrame, part: 'phase-two' | 'phase-one'): void;
  lost(link: Link, error: UnanimousError): void;
  /** The coordinator is about to stop. */
  draining(): void;
}

/** What a session is made of. */
export interface SessionOptions {
  readonly transport: Transport;
  readonly ambient: Ambient;
  readonly log: Log;
  readonly service: string;
  readonly listener: SessionListener;
}

const sdk = 'unanimous-node/0.1.0';
const reconnect = { firstMs: 50, maxMs: 500 };
/** Pace after a refusal that only people can mend; no hot loop, yet it heals by itself. */
const refusedReconnect = { firstMs: 5_000, maxMs: 30_000 };
/** A link that lived as long counts as a success. */
const steadyMs = 1_000;
/** Refusals of the whole session that trying again at once cannot mend. */
const fatalCodes = new Set([
  'unsupported-protocol',
  'log-restored',
  'not-owner',
  'invalid-argument',
]);

/**
 * The standing connection to the coordinator: connects for ever, always under the same instance
 * name, and shows the highest log position that was ever seen.
 */
export class Session implements LinkOwner {
  readonly #options: SessionOptions;
  readonly #instance: string;
  readonly #waiters = new Set<{ open(link: Link): void; refuse(error: UnanimousError): void }>();
  #link: Link | undefined;
  #openedAtMs = 0;
  #failures = 0;
  #lastError: UnanimousError | undefined;
  #fatal: UnanimousError | undefined;
  #seen: LogPosition | undefined;
  #callOffReconnect: () => void = () => {};
  #isClosed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#instance = options.ambient.instanceName();
  }

  /** The open link, if there is one now. */
  get link(): Link | undefined {
    return this.#link?.welcome && !this.#link.isOver ? this.#link : undefined;
  }

  /** The highest log position that this process has seen. */
  get seen(): LogPosition | undefined {
    return this.#seen;
  }

  /** Connects; until `close()`, whatever happens. */
  start(): void {
    this.#connect();
  }

  /**
   * The open link, as soon as there is one.
   * @throws UnanimousError `not-connected` after the limit, with the last failure as its cause; at
   * once, and typed, where the coordinator refuses the session for good; `closed`.
   */
  whenOpen(limitMs: number): Promise<Link> {
    if (this.link) return Promise.resolve(this.link);
    const refusal = this.#isClosed ? closedError() : this.#fatal;
    if (refusal) return Promise.reject(refusal);
    let waiter: { open(link: Link): void; refuse(error: UnanimousError): void } | undefined;
    const opened = new Promise<Link>((open, refuse) => {
      waiter = { open, refuse };
      this.#waiters.add(waiter);
    });
    return within(this.#options.ambient, limitMs, opened, () => {
      if (waiter) this.#waiters.delete(waiter);
      throw this.#notConnected(limitMs);
    });
  }

  /** Ends the session after what was sent. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#callOffReconnect();
    for (const waiter of this.#waiters) waiter.refuse(closedError());
    this.#waiters.clear();
    this.#link?.close();
  }

  welcomed(link: Link): void {
    const { ambient, log, listener, transport } = this.#options;
    this.#openedAtMs = ambient.nowMs();
    this.#fatal = undefined;
    const { coordinator, logId, epoch, session } = link.welcome ?? {};
    log('session.opened', { address: transport.address, coordinator, logId, epoch, session });
    listener.opened(link);
    for (const waiter of this.#waiters) waiter.open(link);
    this.#waiters.clear();
  }

  received(link: Link, frame: CoordinatorFrame, part: 'phase-two' | 'phase-one' | 'end'): void {
    if (part === 'phase-two' && frame.position) this.#see(frame.position);
    if (part !== 'end') this.#options.listener.received(link, frame, part);
    else if (frame.draining) {
      this.#options.log('session.draining');
      this.#options.listener.draining();
    }
  }

  lost(link: Link, error: UnanimousError): void {
    const { ambient, log, listener } = this.#options;
    this.#link = undefined;
    this.#lastError = error;
    const wasOpen = link.welcome !== undefined;
    const wasSteady = wasOpen && ambient.nowMs() - this.#openedAtMs >= steadyMs;
    this.#failures = wasSteady ? 1 : this.#failures + 1;
    if (wasOpen) listener.lost(link, error);
    if (this.#isClosed) return;
    const isFatal = fatalCodes.has(error.code);
    if (isFatal) this.#refuseAll(error);
    if (isFatal) log('session.refused', describeError(error));
    else if (error.code === 'internal') log('session.frame-failed', describeError(error));
    else if (wasOpen) log('session.lost', describeError(error));
    const pace = isFatal ? refusedReconnect : reconnect;
    const delayMs = backoffMs(ambient, pace, this.#failures);
    this.#callOffReconnect = ambient.after(delayMs, () => this.#connect());
  }

  #connect(): void {
    const { transport, ambient, service } = this.#options;
    if (this.#isClosed) return;
    const hello = {
      protocolMin,
      protocolMax,
      instance: this.#instance,
      service,
      sdk,
      seen: this.#seen ?? null,
    };
    this.#link = new Link(transport, hello, ambient, this);
  }

  #refuseAll(error: UnanimousError): void {
    this.#fatal = error;
    for (const waiter of this.#waiters) waiter.refuse(error);
    this.#waiters.clear();
  }

  #see(position: LogPosition): void {
    const seen = this.#seen;
    const isLower = seen?.logId === position.logId && seen.seq >= position.seq;
    if (!isLower) this.#seen = position;
  }

  #notConnected(limitMs: number): UnanimousError {
    const { address } = this.#options.transport;
    const why = this.#lastError ? `: ${this.#lastError.message}` : '';
    const message = `no coordinator answered at ${address} within ${Math.round(limitMs)} ms${why}`;
    return new UnanimousError('not-connected', message, { cause: this.#lastError });
  }
}

function closedError(): UnanimousError {
  return new UnanimousError('closed', 'the TransactionClient is closed');
}
