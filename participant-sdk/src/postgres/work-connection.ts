import type { PoolClient } from 'pg';
import type { Question } from './named-questions.ts';
import type { ServerState } from './server-state.ts';
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

/** Hears an answer, and the warnings that came meanwhile. */
export type Answered = (answer: RawAnswer | Error, warnings: readonly string[]) => void;

interface Notice {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** What is known of a client as long as it lives, whoever has it; its listeners are added once. */
class ClientMemory {
  readonly oneWrite: OneWrite | undefined;
  /**
   * What it has told of its server. That can't change while the connection lives: after a crash or a
   * restore, and on a server that was promoted, there is another one, or none was kept.
   */
  server: ServerState | undefined;
  /** The end is durable as the session is, warnings are sent, and the role is phase two's. */
  isDurable = false;
  /** Who has the client. */
  of: WorkConnection | undefined;

  constructor(client: PoolClient) {
    this.oneWrite = inOneWrite(client);
    client.on('notice', (notice: Notice) => this.of?.heardNotice(notice));
  }

  readonly onError = (error: Error): void => this.of?.heardError(error);
}

const memories = new WeakMap<PoolClient, ClientMemory>();

/** A client of the user's pool while it belongs to a branch. */
export class WorkConnection {
  readonly client: PoolClient;
  readonly memory: ClientMemory;
  #maxListeners: number | undefined;
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
    let memory = memories.get(client);
    if (!memory) memories.set(client, (memory = new ClientMemory(client)));
    this.memory = memory;
    this.#oneWrite = memory.oneWrite;
    memory.of = this;
    client.on('error', memory.onError);
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

  /** How many commands that may end a transaction were answered; only where `sendsTwo`. */
  get ends(): number {
    return this.#oneWrite?.ends ?? 0;
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

  /** Several leases are this one client, and builders listen once for each. */
  share(): void {
    this.#maxListeners ??= this.client.getMaxListeners();
    this.client.setMaxListeners(0);
  }

  /** Runs a query in pg's own form; an error spoils the connection. */
  query(config: unknown, values?: unknown): Promise<WorkResult | WorkResult[]> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#note(error);
        reject(error);
      };
      const callback = (error: Error | undefined, result: WorkResult | WorkResult[]) =>
        error ? failed(error) : resolve(result);
      try {
        (this.client.query as (...args: unknown[]) => void)(config, values, callback);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** As `query`, in one write with statements of ours; undefined where the driver can't. */
  queryTogether(unit: Unit, config: unknown, values: unknown): Promise<unknown> | undefined {
    return this.#oneWrite?.together(unit, config, values, (error) => this.#note(error));
  }

  /** True where the driver can send more than one text in one write. */
  get sendsTwo(): boolean {
    return this.#oneWrite !== undefined;
  }

  /** A statement of ours without rows: its answer, and the warnings that came meanwhile. */
  command(text: string, done: Answered, timeoutMs?: number): void {
    const answered = this.#hearing(done);
    if (this.#oneWrite) return this.#oneWrite.one(text, answered, timeoutMs);
    this.query(text).then(
      (result) => answered({ commands: [result].flat().map(commandOf), row: [] }),
      (error: Error) => answered(error),
    );
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
  queryBetween(before: Question, text: string, behind: Question, done: Answered): void {
    this.#oneWrite?.between(before, text, behind, this.#hearing(done));
  }

  /** Hears the warnings until the answer is there. */
  #hearing(done: Answered): (answer: RawAnswer | Error) => void {
    const warnings: string[] = [];
    this.#warnings = warnings;
    return (answer) => {
      this.#warnings = undefined;
      if (answer instanceof Error) this.#note(answer);
      done(answer, warnings);
    };
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
    if (this.#maxListeners !== undefined) this.client.setMaxListeners(this.#maxListeners);
    const mustClose = this.#isSpoiled || this.#lost !== undefined;
    // In one turn with the release the pool listens again; to one that is closed we go on listening, for
    // it may still complain.
    if (!mustClose) this.client.off('error', this.memory.onError);
    // First, for who waits in the pool may have it at once.
    this.memory.of = undefined;
    this.client.release(mustClose);
  }

  /** @internal */
  heardError(error: Error): void {
    this.#lost ??= error;
    this.#onLost?.(error);
  }

  /** @internal */
  heardNotice(notice: Notice): void {
    // The severity is in the server's language; a mere NOTICE has the code of success.
    if (notice.code !== '00000') this.#warnings?.push(notice.message ?? 'a warning');
  }

  #note(error: unknown): void {
    this.#isSpoiled = true;
    this.#firstError ??= error;
  }
}

function commandOf({ command }: WorkResult): string {
  return command ?? '';
}
