import type { PoolClient } from 'pg';
import { type NamedQuestions, namedQuestionsOf, type Question } from './named-questions.ts';
import { parseToExecute, simple, syncMessage } from './raw-messages.ts';

/** What is needed of pg's own connection, to write more than one message at once. */
interface PgConnection {
  stream: PgStream;
  query(text: string): void;
  on(event: 'commandComplete', listener: (message: { readonly text: string }) => void): unknown;
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
  handleDataRow(message: { readonly fields: RawAnswer['row'] }): void;
}

type PgQueryClass = new (config: unknown, values: unknown, callback: Answered) => PgQuery;
type Answered = (error: Error | undefined, result?: unknown) => void;

interface PgClient {
  readonly connection?: Partial<PgConnection>;
  readonly pipeline?: boolean;
  query(query: unknown): unknown;
}

/** The answer to texts of ours: first words of their tags, and the rows of all in one, all texts. */
export interface RawAnswer {
  readonly commands: readonly string[];
  readonly row: readonly (string | null)[];
}

/** Texts of ours, each of one statement, that go in one unit of the protocol with the user's. */
export interface Unit {
  /** Before his: statements without rows. Where one fails, the server skips his. */
  readonly before: readonly string[];
  /** Called when those before his are done. */
  readonly begun: () => void;
  /** Behind his. */
  readonly question?: Question;
  readonly asked?: (row: RawAnswer['row']) => void;
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
  readonly #named: NamedQuestions;

  constructor(client: PgClient, Query: PgQueryClass) {
    this.#client = client;
    this.#Query = Query;
    this.#named = namedQuestionsOf(client.connection as PgConnection);
  }

  /** A statement of ours without rows between two questions, all in one unit of the protocol. */
  between(
    before: Question,
    text: string,
    behind: Question,
    done: (answer: RawAnswer | Error) => void,
  ): void {
    const questions = [before, behind] as const;
    const [first, last] = questions.map((question) => this.#named.execute(question));
    const messages = [first as Buffer, parseToExecute(text), last as Buffer, syncMessage];
    const answered = (answer: RawAnswer | Error): void => {
      if (!(answer instanceof Error)) for (const question of questions) this.#named.add(question);
      done(answer);
    };
    this.#client.query(new RawQuery(text, messages, answered));
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
    this.#client.query(new RawQuery(`${first}; ${second}`, [simple(first), simple(second)], note));
    this.#client.query(new RawQuery('', [], (answer) => done(firstAnswer, answer)));
  }

  /**
   * The user's statement in one unit of the protocol with ours: where one fails, the server skips those
   * behind it. Undefined where that can't be: his is not one statement that is answered in one go.
   */
  together(unit: Unit, config: unknown, values: unknown): Promise<unknown> | undefined {
    const client = this.#client;
    let settle: Answered = () => {};
    const query = new this.#Query(config, values, (error, result) => settle(error, result));
    if (query.rows) return undefined;
    query.queryMode = 'extended';
    const { query_timeout: timeout } = config as { readonly query_timeout?: number };
    if (timeout !== undefined) query.query_timeout = timeout;
    rideOn(query, unit, this.#named);
    return new Promise((resolve, reject) => {
      settle = (error, result) => (error ? reject(error) : resolve(result));
      client.query(query);
    });
  }
}

/** Lets statements of ours ride on pg's query, which hears only the answers to its own. */
function rideOn(
  query: PgQuery,
  { before, begun, question, asked }: Unit,
  named: NamedQuestions,
): void {
  let left = before.length;
  let isAnswered = false;
  const submit = query.submit.bind(query);
  query.submit = (connection) =>
    gathered(
      connection,
      ({ stream }) => {
        for (const text of before) stream.write(parseToExecute(text));
        return submit(connection);
      },
      question && named.execute(question),
    );
  const handleCommandComplete = query.handleCommandComplete.bind(query);
  query.handleCommandComplete = (message, connection) => {
    if (left > 0) {
      left -= 1;
      if (left === 0) begun();
    } else if (!isAnswered) {
      isAnswered = true;
      handleCommandComplete(message, connection);
    }
  };
  if (!question) return;
  const handleDataRow = query.handleDataRow.bind(query);
  query.handleDataRow = (row) => {
    if (!isAnswered) return handleDataRow(row);
    named.add(question);
    asked?.(row.fields);
  };
}

/**
 * Runs what writes several messages, and sends them as one: each write to a socket is dear. A question
 * goes before the Sync that ends them, where one does.
 */
function gathered<T>(
  connection: PgConnection,
  write: (connection: PgConnection) => T,
  question?: Buffer,
): T {
  const { stream } = connection;
  if (!stream.writable) return write(connection);
  const messages: Buffer[] = [];
  connection.stream = { writable: true, write: (bytes) => messages.push(bytes) };
  try {
    return write(connection);
  } finally {
    connection.stream = stream;
    if (question && messages.at(-1)?.[0] === syncMessage[0]) messages.splice(-1, 0, question);
    stream.write(Buffer.concat(messages));
  }
}

const noAnswer = new Error('it was not answered');

/** Messages of ours in pg's queue: written in one go, and answered once. */
class RawQuery {
  /** For whoever traces what pg sends. */
  readonly text: string;
  readonly #messages: readonly Buffer[];
  #settle: ((answer: RawAnswer | Error) => void) | undefined;
  readonly #commands: string[] = [];
  readonly #row: (string | null)[] = [];

  constructor(
    text: string,
    messages: readonly Buffer[],
    settle: (answer: RawAnswer | Error) => void,
  ) {
    this.text = text;
    this.#messages = messages;
    this.#settle = settle;
  }

  submit({ stream }: PgConnection): null {
    if (this.#messages.length === 0) return null; // has left already
    if (stream.writable) stream.write(Buffer.concat(this.#messages));
    return null;
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#row.push(...fields);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const space = text.indexOf(' ');
    this.#commands.push(space < 0 ? text : text.slice(0, space));
  }

  handleEmptyQuery(): void {}

  handleError(error: Error): void {
    this.#end(error);
  }

  handleReadyForQuery(): void {
    this.#end({ commands: this.#commands, row: this.#row });
  }

  #end(answer: RawAnswer | Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(answer);
  }
}
