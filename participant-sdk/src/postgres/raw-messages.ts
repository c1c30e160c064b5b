/** Ends a unit of the protocol. */
export const syncMessage: Buffer = Buffer.from('S\0\0\0\x04', 'latin1');

/** A text in the simple form. */
export function simple(text: string): Buffer {
  return message('Q', `${text}\0`);
}

/** Parse, Bind and Execute of one statement, without a Sync. */
export function parseToExecute(text: string): Buffer {
  return text === 'BEGIN' ? begin : withoutName(text);
}

/** Parse of a statement; its parameters have no types. */
export function parseMessage(name: string, text: string): Buffer {
  return message('P', `${name}\0${text}\0\0\0`);
}

/** Bind of a statement without values, and Execute. */
export function bindAndExecute(name: string): Buffer {
  const bind = message('B', `\0${name}\0\0\0\0\0\0\0`);
  return Buffer.concat([bind, message('E', '\0\0\0\0\0')]);
}

const ofNoName = bindAndExecute('');
const begin = withoutName('BEGIN');

function withoutName(text: string): Buffer {
  return Buffer.concat([parseMessage('', text), ofNoName]);
}

function message(type: string, body: string): Buffer {
  const length = Buffer.byteLength(body) + 4;
  const bytes = Buffer.allocUnsafe(length + 1);
  bytes.write(type, 0);
  bytes.writeInt32BE(length, 1);
  bytes.write(body, 5);
  return bytes;
}
