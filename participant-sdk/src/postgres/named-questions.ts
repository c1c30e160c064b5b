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

/**
 * The questions that a session has parsed already. A connection that saw an error is closed, so what was
 * answered once stays, unless somebody throws all prepared statements away.
 */
export class NamedQuestions {
  readonly #known = new Set<string>();

  /** @param connection to hear when they are thrown away. */
  constructor(connection: Connection) {
    connection.on('commandComplete', ({ text }) => {
      if (text.startsWith('D') && /^(?:DISCARD|DEALLOCATE)/.test(text)) this.#known.clear();
    });
  }

  /** Notes that the session has it. */
  add({ name }: Question): void {
    this.#known.add(name);
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
