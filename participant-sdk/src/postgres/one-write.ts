import type { PoolClient } from 'pg';

/** What is needed of pg's own connection, to write more than one message at once. */
interface PgConnection {
  stream: PgStream;
  query(text: string): void;
}

interface PgStream {
  readonly writable: boolean;
  write(bytes: Buffer): unknown;
}

/** pg's query, and what of it a branch may send behind its BEGIN. */
interface PgQuery {
  name?: string;
  rows?: number;
  queryMode?: string;
  query_timeout?: number;
  submit(connection: PgConnection): unknown;
  handleCommandComplete(message: unknown, connection: PgConnection): void;
}

type PgQueryClass = new (config: unknown, values: unknown, callback: Answered) => PgQuery;
type Answered = (error: Error | undefined, result?: unknown) => void;

interface PgClient {
  readonly connection?: Partial<PgConnection>;
  readonly pipeline?: boolean;
  query(query: unknown): unknown;
}

/** The answer to a text of ours: first word of its tag, and its one row, all texts. */
export interface RawAnswer {
  readonly command: string | undefined;
  readonly row: readonly (string | null)[];
}

/** The client, where several messages can leave it in one write; another driver's can't. */
export function inOneWrite(client: PoolClient): OneWrite | undefined {
  const { connection, pipeline } = client as unknown as PgClient;
  const { Query } = client.constructor as { readonly Query?: PgQueryClass };
  const isPg = typeof connection?.query === 'function' && connection.stream !== undefined;
  return isPg && Query && pipeline !== true ? new OneWrite(client, Query) : undefined;
}

/** Sends what belongs together in one write to the socket. The client must be idle. */
export class OneWrite {
  readonly #client: PgClient;
  readonly #Query: PgQueryClass;

  constructor(client: PgClient, Query: PgQueryClass) {
    this.#client = client;
    this.#Query = Query;
  }

  /**
   * Two texts of ours, and what became of each. The server answers the first before it looks at the
   * second, so that answer is here even when the connection is lost over the second.
   */
  two(
    first: string,
    second: string,
    done: (first: RawAnswer | Error, second: RawAnswer | Error) => void,
  ): void {
    let firstAnswer: RawAnswer | Error = noAnswer;
    const note = (answer: RawAnswer | Error): void => {
      firstAnswer = answer;
    };
    this.#client.query(new RawQuery([first, second], note));
    this.#client.query(new RawQuery([], (answer) => done(firstAnswer, answer)));
  }

  /**
   * Statements of ours without rows, and the user's behind them; `begun` is called when ours are done.
   * All are one unit of the protocol: where one of ours fails, the server skips the user's. Undefined
   * where that can't be: his is not one statement that is answered in one go.
   */
  behind(
    ours: readonly string[],
    config: unknown,
    values: unknown,
    begun: () => void,
  ): Promise<unknown> | undefined {
    const client = this.#client;
    let settle: Answered = () => {};
    const query = new this.#Query(config, values, (error, result) => settle(error, result));
    if (query.rows) return undefined;
    query.queryMode = 'extended';
    const { query_timeout: timeout } = config as { readonly query_timeout?: number };
    if (timeout !== undefined) query.query_timeout = timeout;
    let left = ours.length;
    const submit = query.submit.bind(query);
    query.submit = (connection) =>
      gathered(connection, ({ stream }) => {
        for (const text of ours) stream.write(withoutRows(text));
        return submit(connection);
      });
    const handleCommandComplete = query.handleCommandComplete.bind(query);
    query.handleCommandComplete = (message, connection) => {
      if (left === 0) return handleCommandComplete(message, connection);
      left -= 1;
      if (left === 0) begun();
    };
    return new Promise((resolve, reject) => {
      settle = (error, result) => (error ? reject(error) : resolve(result));
      client.query(query);
    });
  }
}

/** Runs what writes several messages, and sends them as one: each write to a socket is dear. */
function gathered<T>(connection: PgConnection, write: (connection: PgConnection) => T): T {
  const { stream } = connection;
  if (!stream.writable) return write(connection);
  const messages: Buffer[] = [];
  connection.stream = { writable: true, write: (bytes) => messages.push(bytes) };
  try {
    return write(connection);
  } finally {
    connection.stream = stream;
    stream.write(Buffer.concat(messages));
  }
}

const noAnswer = new Error('it was not answered');

/** A text of ours in pg's queue; it writes all that it is given, and hears one answer. */
class RawQuery {
  readonly #texts: readonly string[];
  #settle: ((answer: RawAnswer | Error) => void) | undefined;
  #command: string | undefined;
  #row: readonly (string | null)[] = [];

  constructor(texts: readonly string[], settle: (answer: RawAnswer | Error) => void) {
    this.#texts = texts;
    this.#settle = settle;
  }

  submit(connection: PgConnection): null {
    if (this.#texts.length === 0) return null; // has left already
    gathered(connection, () => {
      for (const text of this.#texts) connection.query(text);
    });
    return null;
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#row = fields;
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#command = text.split(' ')[0];
  }

  handleEmptyQuery(): void {}

  handleError(error: Error): void {
    this.#end(error);
  }

  handleReadyForQuery(): void {
    this.#end({ command: this.#command, row: this.#row });
  }

  #end(answer: RawAnswer | Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(answer);
  }
}

/** Bind of no values, and Execute, of the unnamed statement. */
const bindAndExecute = Buffer.from('B\0\0\0\x0c\0\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0', 'latin1');

const known = new Map<string, Buffer>();

/** Parse, Bind and Execute of a statement, without a Sync. */
function withoutRows(text: string): Buffer {
  const kept = known.get(text);
  if (kept) return kept;
  const length = Buffer.byteLength(text);
  const parse = Buffer.allocUnsafe(length + 9);
  parse[0] = 0x50; // Parse
  parse.writeInt32BE(length + 8, 1);
  parse[5] = 0; // of the unnamed statement
  parse.write(text, 6);
  parse.fill(0, length + 6); // end of the text, and no types of parameters
  const bytes = Buffer.concat([parse, bindAndExecute]);
  if (text === 'BEGIN') known.set(text, bytes);
  return bytes;
}
