import { Alarms, parseGid, UnanimousError } from '@unanimous/proto';
import { sleep } from '../ambient.ts';
import { makeLog } from '../logger.ts';
import { Participant } from '../participant/participant.ts';
import { type JoinedScope, join } from '../propagation/join.ts';
import type { Resource } from '../resource.ts';
import { Session } from '../session/session.ts';
import { askOnce } from './await-outcome.ts';
import type { ClientCore } from './core.ts';
import { type EmbeddedOptions, startEmbeddedTransport } from './embedded.ts';
import { type ClientOptions, settingsOf, type TransportOptions } from './options.ts';
import type { TransactionOutcome } from './outcome.ts';
import {
  type BeginOptions,
  beginTransaction,
  type CommittedValue,
  type RunOptions,
  runTransaction,
  type TransactionFunction,
} from './run-transaction.ts';
import { checkNotNested, type Transaction } from './transaction.ts';

/** How often `close()` looks whether the last work is done. */
const closePollMs = 10;

/**
 * A process's part in Unanimous: runs transactions, and serves resources to those of others. Keep
 * one for the life of the process; it connects at once and for ever, and `close()` ends it.
 */
export class TransactionClient implements AsyncDisposable {
  readonly #core: ClientCore;
  #closing: Promise<void> | undefined;

  /** `new TransactionClient('localhost:7411')`, or with options. */
  constructor(options: string | ClientOptions | TransportOptions) {
    const settings = settingsOf(options);
    const { ambient, connectTimeoutMs, scanIntervalMs, service, transport } = settings;
    const log = makeLog(settings.logger);
    const alarms = new Alarms(ambient);
    const participant = new Participant({
      ambient,
      alarms,
      log,
      connectTimeoutMs,
      scanIntervalMs,
      link: () => session.link,
    });
    const session = new Session({
      transport,
      ambient,
      log,
      service,
      listener: {
        opened: (link) => participant.opened(link),
        received: (_link, frame, part) => participant.received(frame, part),
        lost: (_link, error) => participant.lost(error),
        draining: () => participant.tellAll(),
      },
    });
    this.#core = { settings, session, participant, alarms, isClosed: false };
    session.start();
  }

  /**
   * A client whose coordinator runs in this process, on a folder; `close()` closes both.
   * @throws UnanimousError `log-locked`, `log-damaged` and others, where the log cannot be opened.
   */
  static async embedded(options: EmbeddedOptions): Promise<TransactionClient> {
    const transport = await startEmbeddedTransport(options);
    try {
      return new TransactionClient({ ...options, transport });
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /**
   * Serves a resource: opens it, and tells the coordinator. Resolves with the same resource when
   * the coordinator has acknowledged; from then on it may be used in transactions.
   * @throws UnanimousError with the remedy, `rm-identity-mismatch` for one, or `not-connected`;
   * nothing is served then.
   */
  async serve<R extends Resource>(resource: R): Promise<R> {
    this.#checkOpen();
    const { participant, session, settings } = this.#core;
    const served = await participant.add(resource);
    try {
      const link = await session.whenOpen(settings.connectTimeoutMs);
      const acknowledged = served.whenServed(settings.connectTimeoutMs);
      participant.announce(served, link);
      await acknowledged;
      return resource;
    } catch (error) {
      await participant.remove(served);
      throw error;
    }
  }

  /**
   * Runs `fn` in a transaction and commits it. What `fn` writes through served resources, and the
   * calls it makes to other services, become durable together or not at all.
   *
   * Resolves after a commit decision, `applied` or not, with what `fn` returned. Where `fn` throws,
   * the transaction is aborted and the error rethrown as it is.
   * @throws UnanimousError `aborted` with the reason; `unknown` with the gid, when the decision was
   * asked for and not heard; `cancelled`; `heuristic`; `nested-transaction`; `not-connected`.
   */
  transaction<T>(fn: TransactionFunction<T>, options: RunOptions = {}): Promise<CommittedValue<T>> {
    return runTransaction(this.#core, fn, options);
  }

  /** Begins a transaction that the caller ends; prefer `transaction()`. */
  async begin(options: BeginOptions = {}): Promise<Transaction> {
    checkNotNested();
    return beginTransaction(this.#core, options);
  }

  /**
   * What became of a transaction, by its gid. Anybody may ask, also after a restart.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`, `not-connected`.
   */
  async outcome(gid: string): Promise<TransactionOutcome> {
    this.#checkOpen();
    const { gid: parsed } = parseGid(gid);
    const { ambient, connectTimeoutMs } = this.#core.settings;
    const untilMs = ambient.nowMs() + connectTimeoutMs;
    for (;;) {
      try {
        return await askOnce(this.#core, parsed, Math.max(1, untilMs - ambient.nowMs()));
      } catch (error) {
        const isLost = error instanceof UnanimousError && error.code === 'session-lost';
        if (!isLost || ambient.nowMs() >= untilMs) throw error;
      }
    }
  }

  /** @internal Takes part in a transaction that another process began; see grpc.ts and http.ts. */
  join(gid: string, remainingMs: number | undefined): JoinedScope {
    this.#checkOpen();
    return join(this.#core, gid, remainingMs);
  }

  /** @internal What it keeps, for tests that look for leaks. */
  get kept(): { readonly branches: number; readonly transactions: number } {
    return this.#core.participant.kept;
  }

  /**
   * Takes no new work, waits for what is open (bounded by `closeTimeoutMs`), ends the session and
   * closes the resources. What was not voted is aborted; what is prepared stays in its resource
   * manager for another instance. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { participant, session, settings } = this.#core;
    this.#core.isClosed = true;
    const { ambient, closeTimeoutMs, transport } = settings;
    const untilMs = ambient.nowMs() + closeTimeoutMs;
    while (!participant.isIdle && ambient.nowMs() < untilMs) await sleep(ambient, closePollMs);
    session.close();
    await participant.close();
    await transport.close();
  }

  #checkOpen(): void {
    if (this.#core.isClosed) throw new UnanimousError('closed', 'the TransactionClient is closed');
  }
}
