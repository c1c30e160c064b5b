import type { EventEmitter } from 'node:events';
import type { PoolConnection } from 'mysql2';

/** A command of mysql2: what its `query` returns, and takes in place of a text. */
export interface Command extends EventEmitter {
  sql: string;
  values?: unknown;
  onResult?: ResultCallback | undefined;
}

/** mysql2's callback. */
export type ResultCallback = (error: Error | null, result?: unknown, fields?: unknown) => void;

/** Hears of a command's end before whoever sent it; gives the error that he shall see. */
export type Ended = (error: Error | null) => Error | null;

/** The answer to a statement of ours. */
export interface WorkResult {
  readonly rows: readonly Record<string, unknown>[];
  readonly affectedRows: number;
  readonly warnings: number;
}

interface Header {
  readonly affectedRows?: number;
  readonly warningStatus?: number;
}

/** How long an orderly end may take before the socket is simply closed. */
const quitMs = 1_000;

/** A connection of the user's pool while it belongs to a branch. */
export class WorkConnection {
  readonly client: PoolConnection;
  #isSpoiled = false;
  #isFree = false;
  #lost: Error | undefined;
  #onLost: ((error: Error) => void) | undefined;
  readonly #whenLost: Promise<void>;
  #resolveLost: () => void = () => {};

  constructor(client: PoolConnection) {
    this.client = client;
    this.#whenLost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
    client.on('error', this.#lose);
    client.on('end', this.#lose);
  }

  /** Id of the server's thread, for KILL. */
  get threadId(): number {
    return this.client.threadId ?? 0;
  }

  /** The loss of the connection, once it was noticed. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Calls `listener` when the connection is lost, at once if it was. */
  onLost(listener: (error: Error) => void): void {
    this.#onLost = listener;
    if (this.#lost) listener(this.#lost);
  }

  /** True once it was given back or closed. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /** It will be closed, not given back: the session may not be as it was. */
  spoil(): void {
    this.#isSpoiled = true;
  }

  /** Runs a statement of ours. */
  query(sql: string, values: readonly unknown[] = []): Promise<WorkResult> {
    return new Promise((resolve, reject) => {
      // The driver's own conversions, whatever the user's pool has: only a function overrides one.
      const typeCast = (_: unknown, convert: () => unknown) => convert();
      const plain = { rowsAsArray: false, nestTables: false, typeCast };
      const options = { sql, values, ...plain, timeout: 30_000 };
      const callback: ResultCallback = (error, result) => {
        if (error) {
          this.noteError(error);
          reject(error);
        } else resolve(readResult(result));
      };
      (this.client.query as (options: unknown, callback: ResultCallback) => void)(
        options,
        callback,
      );
    });
  }

  /**
   * Hands a command to the client; resolves when it is done, after `ended` was called and whoever
   * sent it has heard of it.
   */
  submit(command: Command, ended: Ended): Promise<void> {
    return new Promise((resolve) => {
      const end = (error: Error | null) => {
        if (error) this.noteError(error);
        resolve();
        return ended(error);
      };
      const callback = command.onResult;
      let failure: Error | null = null;
      if (callback) {
        command.onResult = (error, result, fields) => {
          callback(end(error), result, fields);
        };
      } else {
        command.prependListener('error', (error: Error) => (failure = error));
        command.prependListener('end', () => end(failure));
        // Without a callback the driver does not tell the command that its connection is gone.
        void this.#whenLost.then(() => end(this.#lost ?? null));
      }
      (this.client.query as (command: unknown) => void)(command);
    });
  }

  /** As `submit`, for a statement that the driver first prepares; its events go on to `relay`. */
  execute(options: object, relay: Command, ended: Ended): Promise<void> {
    return new Promise((resolve) => {
      const end = (error: Error | null) => {
        if (error) this.noteError(error);
        resolve();
        return ended(error);
      };
      const execute = this.client.execute.bind(this.client) as (...args: unknown[]) => Command;
      const { onResult } = relay;
      if (onResult) {
        const callback: ResultCallback = (error, result, fields) => {
          onResult(end(error), result, fields);
          relay.emit('end');
        };
        execute(options, callback);
        return;
      }
      let failure: Error | null = null;
      const command = execute(options);
      for (const event of ['fields', 'result']) {
        command.on(event, (...args: unknown[]) => relay.emit(event, ...args));
      }
      command.on('error', (error: Error) => {
        failure = error;
        relay.emit('error', error);
      });
      command.on('end', () => {
        end(failure);
        relay.emit('end');
      });
      void this.#whenLost.then(() => end(this.#lost ?? null));
    });
  }

  /** An error that ends the connection as well. */
  noteError(error: Error): void {
    const isTimeout = (error as { code?: unknown }).code === 'PROTOCOL_SEQUENCE_TIMEOUT';
    if ((error as { fatal?: boolean }).fatal || isTimeout) this.#lose(error);
  }

  /** Gives the client back to its pool, or closes it when it is spoiled. Idempotent. */
  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    const mustClose = this.#isSpoiled || this.#lost !== undefined;
    // To one that is closed we go on listening, for it may still complain.
    if (mustClose) this.client.destroy();
    else {
      this.client.off('error', this.#lose);
      this.client.off('end', this.#lose);
      this.client.release();
    }
  }

  /**
   * Ends the session in good order and never gives it back: what it has prepared stays in the server,
   * for any session to finish. Reset or pooled instead, it would be lost in silence. Never throws.
   */
  async quit(): Promise<void> {
    if (this.#isFree) return;
    this.#isFree = true;
    const { client } = this;
    // end() of a pooled connection would give it back to its pool.
    const realEnd: unknown = Reflect.get(client, '_realEnd');
    if (!this.#lost && typeof realEnd === 'function') {
      Reflect.apply(realEnd, client, [() => {}]);
      await Promise.race([this.#whenLost, elapsed(quitMs)]);
    }
    this.client.destroy();
  }

  readonly #lose = (error?: Error): void => {
    if (this.#lost) return;
    this.#lost = error ?? new Error('the server closed the connection');
    this.#resolveLost();
    this.#onLost?.(this.#lost);
  };
}

function readResult(result: unknown): WorkResult {
  if (Array.isArray(result)) return { rows: result, affectedRows: 0, warnings: 0 };
  const { affectedRows = 0, warningStatus = 0 } = result as Header;
  return { rows: [], affectedRows, warnings: warningStatus };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
