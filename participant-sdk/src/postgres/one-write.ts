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

interface DataRow {
  readonly fields: RawAnswer['row'];
}

/** pg's query, and what of it a branch may send behind its BEGIN. */
declare class PgQuery {
  constructor(config: unknown, values: unknown);
  rows?: number;
  queryMode?: string;
  query_timeout?: number;
  callback: (error: Error | null | undefined, result?: unknown) => void;
  submit(connection: PgConnection): unknown;
  handleCommandComplete(message: unknown, connection: PgConnection): void;
  handleDataRow(message: DataRow): void;
}

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
  /** Called when those are answered. */
  readonly begun?: () => void;
  /** Called with an error that came before those were done. */
  readonly notBegun?: (error: unknown) => void;
  /** Behind his. */
  readonly asking?: Asking | undefined;
}

/** A question behind a statement of the user's. */
export interface Asking {
  readonly question: Question;
  /** Hears the answer; not called where there is none. */
  readonly asked: (row: RawAnswer['row']) => void;
}

/** The client, where several messages can leave it in one write; another driver's can't. */
export function inOneWrite(client: PoolClient): OneWrite | undefined {
  const { connection, pipeline } = client as unknown as PgClient;
  const { Query } = client.constructor as { readonly Query?: typeof PgQuery };
  const isPg = typeof connection?.query === 'function' && connection.stream !== undefined;
  return isPg && Query && pipeline !== true ? new OneWrite(client, ridingOf(Query)) : undefined;
}

/** Sends what belongs together in one write to the socket. The client must be idle. */
export class OneWrite {
  readonly #client: PgClient;
  readonly #RidingQuery: RidingQueryClass;
  readonly #named: NamedQuestions;

  constructor(client: PgClient, RidingQuery: RidingQueryClass) {
    this.#client = client;
    this.#RidingQuery = RidingQuery;
    this.#named = namedQuestionsOf(client.connection as PgConnection);
  }

  /** How many commands that may end a transaction were answered here. */
  get ends(): number {
    return this.#named.ends;
  }

  /** A text of ours. */
  one(text: string, done: (answer: RawAnswer | Error) => void, timeoutMs?: number): void {
    this.#client.query(new RawQuery(text, [simple(text)], done, timeoutMs));
  }

  /** A statement of ours without rows between two questions, all in one unit of the protocol. */
  between(
    before: Question,
    text: string,
    behind: Question,
    done: (answer: RawAnswer | Error) => void,
  ): void {
    const named = this.#named;
    const messages = [
      named.execute(before),
      parseToExecute(text),
      named.execute(behind),
      syncMessage,
    ];
    const answered = (answer: RawAnswer | Error): void => {
      if (!(answer instanceof Error)) {
        named.add(before);
        named.add(behind);
      }
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
   * `failed` hears of an error before the promise is rejected with it.
   */
  together(
    unit: Unit,
    config: unknown,
    values: unknown,
    failed: (error: unknown) => void,
  ): Promise<unknown> | undefined {
    const query = new this.#RidingQuery(config, values);
    if (query.rows) return undefined;
    query.queryMode = 'extended';
    const { query_timeout: timeout } = config as { readonly query_timeout?: number };
    if (timeout !== undefined) query.query_timeout = timeout;
    query.ride(unit, this.#named);
    return new Promise((resolve, reject) => {
      query.callback = (error, result) => {
        if (!error) return resolve(result);
        failed(error);
        if (!query.isBegun) unit.notBegun?.(error);
        reject(error);
      };
      this.#client.query(query);
    });
  }
}

interface RidingQuery extends PgQuery {
  /** Sends the unit with the query. */
  ride(unit: Unit, named: NamedQuestions): void;
  /** What goes before the user's statement is done. */
  readonly isBegun: boolean;
}

type RidingQueryClass = new (config: unknown, values: unknown) => RidingQuery;

const ridingClasses = new WeakMap<typeof PgQuery, RidingQueryClass>();

/** pg's query with statements of ours around it: it hears only the answers to its own. */
function ridingOf(Query: typeof PgQuery): RidingQueryClass {
  const made = ridingClasses.get(Query);
  if (made) return made;

  class Riding extends Query implements RidingQuery {
    #unit: Unit = { before: [] };
    #named: NamedQuestions | undefined;
    #left = 0;
    #isAnswered = false;

    get isBegun(): boolean {
      return this.#left === 0;
    }

    ride(unit: Unit, named: NamedQuestions): void {
      this.#unit = unit;
      this.#named = named;
      this.#left = unit.before.length;
    }

    /** Sends what would be several writes as one: each write to a socket is dear. */
    override submit(connection: PgConnection): unknown {
      const { stream } = connection;
      if (!stream.writable) return super.submit(connection);
      const { before, asking } = this.#unit;
      const messages = before.map(parseToExecute);
      connection.stream = new Gathering(messages);
      let refusal: unknown;
      try {
        refusal = super.submit(connection);
      } finally {
        connection.stream = stream;
      }
      if (refusal) return refusal; // pg would not send it, so ours stay here, too
      const question = asking && this.#named?.execute(asking.question);
      const isWhole = messages.at(-1)?.[0] === syncMessage[0];
      if (question && isWhole) messages.splice(-1, 0, question);
      stream.write(Buffer.concat(messages));
      return null;
    }

    override handleCommandComplete(message: unknown, connection: PgConnection): void {
      if (this.#left > 0) {
        this.#left -= 1;
        if (this.#left === 0) this.#unit.begun?.();
      } else if (!this.#isAnswered) {
        this.#isAnswered = true;
        super.handleCommandComplete(message, connection);
      }
    }

    override handleDataRow(row: DataRow): void {
      if (!this.#isAnswered) return super.handleDataRow(row);
      const { asking } = this.#unit;
      if (!asking) return;
      this.#named?.add(asking.question);
      asking.asked(row.fields);
    }
  }

  ridingClasses.set(Query, Riding);
  return Riding;
}

/** In the place of a socket: keeps what is written. */
class Gathering implements PgStream {
  readonly writable = true;
  readonly #messages: Buffer[];

  constructor(messages: Buffer[]) {
    this.#messages = messages;
  }

  write(bytes: Buffer): void {
    this.#messages.push(bytes);
  }
}

const noAnswer = new Error('it was not answered');

/** Messages of ours in pg's queue: written in one go, and answered once. */
class RawQuery {
  /** For whoever traces what pg sends. */
  readonly text: string;
  /** pg's own: how long to wait for the answer. */
  readonly query_timeout: number | undefined;
  /** pg puts one here that stops its waiting. */
  callback: () => void = nothing;
  readonly #messages: readonly Buffer[];
  #settle: ((answer: RawAnswer | Error) => void) | undefined;
  readonly #commands: string[] = [];
  readonly #row: (string | null)[] = [];

  constructor(
    text: string,
    messages: readonly Buffer[],
    settle: (answer: RawAnswer | Error) => void,
    timeoutMs?: number,
  ) {
    this.text = text;
    this.query_timeout = timeoutMs;
    this.#messages = messages;
    this.#settle = settle;
  }

  submit({ stream }: PgConnection): null {
    const [first, second] = this.#messages;
    if (!first || !stream.writable) return null; // has left already, or can't
    stream.write(second ? Buffer.concat(this.#messages) : first);
    return null;
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: DataRow): void {
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
    this.callback();
    settle?.(answer);
  }
}

function nothing(): void {}
