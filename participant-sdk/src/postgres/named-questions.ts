import { bindAndExecute, parseMessage } from './raw-messages.ts';

/** A question of ours that is always the same, and answered with one row; parsed and planned once. */
export interface Question {
  /** Of the prepared statement in the session. */
  readonly name: string;
  readonly text: string;
}

interface Connection {
  on(event: 'commandComplete', listener: (message: { readonly text: string }) => void): unknown;
}

/** Bind and Execute by the name. */
const bytesOf = new Map<string, Buffer>();

/** Commands that end a transaction, or may have ended one. */
const ending = /^(?:COMMIT|ROLLBACK|PREPARE TRANSACTION|CALL|DO)\b/;

/**
 * The questions that a session has parsed already. A connection that saw an error is closed, so what was
 * answered once stays, unless somebody throws all prepared statements away. And whether a transaction
 * is still the one that it was, whoever has sent something on the connection.
 */
export class NamedQuestions {
  readonly #known = new Set<string>();
  #ends = 0;

  /** @param connection to hear what it is answered. */
  constructor(connection: Connection) {
    connection.on('commandComplete', ({ text }) => this.#hear(text));
  }

  /** How many commands that may end a transaction were answered. */
  get ends(): number {
    return this.#ends;
  }

  /** Notes that the session has it. */
  add({ name }: Question): void {
    this.#known.add(name);
  }

  #hear(text: string): void {
    // Nearly all that is heard begins otherwise.
    if (!'CDPR'.includes(text.charAt(0))) return;
    if (ending.test(text)) this.#ends += 1;
    if (/^(?:DISCARD|DEALLOCATE)/.test(text)) this.#known.clear();
  }

  /** Bind and Execute of the question; Parse before, where the session does not have it. */
  execute({ name, text }: Question): Buffer {
    let bytes = bytesOf.get(name);
    if (!bytes) bytesOf.set(name, (bytes = bindAndExecute(name)));
    return this.#known.has(name) ? bytes : Buffer.concat([parseMessage(name, text), bytes]);
  }
}

const questionsOf = new WeakMap<Connection, NamedQuestions>();

/** Those of a connection. */
export function namedQuestionsOf(connection: Connection): NamedQuestions {
  let named = questionsOf.get(connection);
  if (!named) questionsOf.set(connection, (named = new NamedQuestions(connection)));
  return named;
}
