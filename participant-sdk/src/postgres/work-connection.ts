import type { PoolClient } from 'pg';
import type { Question } from './named-questions.ts';
import { inOneWrite, type OneWrite, type RawAnswer, type Unit } from './one-write.ts';

/** A result of the user's pg, as his queries get it: one, or several of a multi-statement text. */
export interface WorkResult {
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly rows: readonly Record<string, unknown>[];
}

/** What pg's `client.query` takes in place of a text: pg-cursor, pg-query-stream, pg.Query. */
export interface Submittable {
  readonly text?: string;
  readonly cursor?: { readonly text?: string };
  submit(connection: unknown): unknown;
  handleError(error: Error, connection?: unknown): unknown;
  handleReadyForQuery(connection?: unknown): unknown;
}

interface Notice {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** A client of the user's pool while it belongs to a branch. */
export class WorkConnection {
  readonly client: PoolClient;
  readonly #maxListeners: number;
  #isSpoiled = false;
  #isFree = false;
  #lost: Error | undefined;
  #firstError: unknown;
  #isStreaming = false;
  #onLost: ((error: Error) => void) | undefined;
  #warnings: string[] | undefined;
  readonly #oneWrite: OneWrite | undefined;

  constructor(client: PoolClient) {
    this.client = client;
    this.#oneWrite = inOneWrite(client);
    client.on('error', this.#handleError);
    client.on('notice', this.#handleNotice);
    // Builders listen once for each lease, and all leases are this one client.
    this.#maxListeners = client.getMaxListeners();
    client.setMaxListeners(0);
  }

  /** Process id of the backend, for pg_cancel_backend. */
  get pid(): number {
    return (this.client as { processID?: number }).processID ?? 0;
  }

  /** The loss of the connection, once it was noticed. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** What Postgres said of the transaction last: I none, T open, E failed; null when not known. */
  get status(): 'I' | 'T' | 'E' | null {
    // Older releases of pg 8 do not have it.
    const { client } = this as { client: Partial<PoolClient> };
    return client.getTransactionStatus?.() ?? null;
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

  /** True while a cursor or a stream has the connection. */
  get isStreaming(): boolean {
    return this.#isStreaming;
  }

  /** The error that made Postgres refuse all that followed, until `forgive`. */
  get firstError(): unknown {
    return this.#firstError;
  }

  /** The transaction is whole again: it went back to a savepoint from before the error. */
  forgive(): void {
    this.#firstError = undefined;
  }

  /** It will be closed, not given back: it saw an error, or the session may not be as it was. */
  spoil(): void {
    this.#isSpoiled = true;
  }

  /** Runs a query in pg's own form; an error spoils the connection. */
  query(config: unknown, values?: unknown): Promise<WorkResult | WorkResult[]> {
    return this.drive(
      () =>
        new Promise((resolve, reject) => {
          const callback = (error: Error | undefined, result: WorkResult | WorkResult[]) =>
            error ? reject(error) : resolve(result);
          (this.client.query as (...args: unknown[]) => void)(config, values, callback);
        }),
    );
  }

  /** As `query`, in one write with statements of ours; undefined where the driver can't. */
  queryTogether(unit: Unit, config: unknown, values: unknown): Promise<unknown> | undefined {
    return this.#oneWrite?.together(unit, config, values)?.catch((error: unknown) => {
      this.#note(error);
      throw error;
    });
  }

  /** True where the driver can send more than one text in one write. */
  get sendsTwo(): boolean {
    return this.#oneWrite !== undefined;
  }

  /**
   * Two texts in one write, of which the first is answered before the second is begun: the answers, and
   * the warnings that came meanwhile. Only where `sendsTwo`.
   */
  queryTwo(
    first: string,
    second: string,
    done: (
      first: RawAnswer | Error,
      second: RawAnswer | Error,
      warnings: readonly string[],
    ) => void,
  ): void {
    const warnings: string[] = [];
    this.#warnings = warnings;
    this.#oneWrite?.two(first, second, (one, two) => {
      this.#warnings = undefined;
      if (two instanceof Error) this.#note(two);
      done(one, two, warnings);
    });
  }

  /** A statement of ours between two questions, and the warnings meanwhile. Only where `sendsTwo`. */
  queryBetween(before: Question, text: string, behind: Question) {
    const warnings: string[] = [];
    this.#warnings = warnings;
    return new Promise<RawAnswer & { readonly warnings: readonly string[] }>((resolve, reject) => {
      this.#oneWrite?.between(before, text, behind, (answer) => {
        this.#warnings = undefined;
        if (!(answer instanceof Error)) return resolve({ ...answer, warnings });
        this.#note(answer);
        reject(answer);
      });
    });
  }

  /** Runs what needs the client itself; an error spoils the connection. */
  async drive<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** As `query`, with the warnings that came meanwhile. */
  async queryWithWarnings(sql: unknown, values?: readonly unknown[]) {
    this.#warnings = [];
    try {
      const results = await this.query(sql, values);
      return { results: [results].flat(), warnings: this.#warnings };
    } finally {
      this.#warnings = undefined;
    }
  }

  /**
   * Hands a cursor or a stream to the client; resolves when the connection is free again, after
   * `ended` was called and the query has heard of it.
   */
  submit(query: Submittable, ended: () => void): Promise<void> {
    this.#isStreaming = true;
    return new Promise<void>((resolve) => {
      const handleError = query.handleError.bind(query);
      const handleReadyForQuery = query.handleReadyForQuery.bind(query);
      const end = () => {
        this.#isStreaming = false;
        ended();
        resolve();
      };
      query.handleError = (error, connection) => {
        this.#note(error);
        end();
        return handleError(error, connection);
      };
      query.handleReadyForQuery = (connection) => {
        end();
        return handleReadyForQuery(connection);
      };
      this.client.query(query);
    });
  }

  /** Gives the client back to its pool, or closes it when it is spoiled. Idempotent. */
  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    this.client.setMaxListeners(this.#maxListeners);
    const mustClose = this.#isSpoiled || this.#lost !== undefined;
    this.client.release(mustClose);
    this.client.off('notice', this.#handleNotice);
    // The pool listens again; to one that is closed we go on listening, for it may still complain.
    if (!mustClose) this.client.off('error', this.#handleError);
  }

  #note(error: unknown): void {
    this.#isSpoiled = true;
    this.#firstError ??= error;
  }

  readonly #handleError = (error: Error): void => {
    this.#lost ??= error;
    this.#onLost?.(error);
  };

  readonly #handleNotice = (notice: Notice): void => {
    // The severity is in the server's language; a mere NOTICE has the code of success.
    if (notice.code !== '00000') this.#warnings?.push(notice.message ?? 'a warning');
  };
}
