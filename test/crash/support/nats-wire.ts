import { connect, type Socket } from 'node:net';

/** A message as the server hands it over. */
export interface WireMessage {
  readonly subject: string;
  /** `Nats-Msg-Id`, where it has one. */
  readonly id: string;
  readonly body: string;
}

/**
 * Reads a whole stream over NATS' text protocol. Debian has no client for the command line, and the
 * participant's own would share its faults with it.
 */
export async function readStream(port: number, stream: string): Promise<WireMessage[]> {
  const socket = connect(port, '127.0.0.1').setTimeout(10_000, () => {
    socket.destroy(new Error(`NATS: ${stream} was not sent in time`));
  });
  try {
    const lines = new Wire(socket);
    const hello = { verbose: false, pedantic: false, headers: true, lang: 'test', version: '1' };
    socket.write(`CONNECT ${JSON.stringify(hello)}\r\nSUB all.reply 1\r\nSUB all.messages 2\r\n`);
    const config = { deliver_subject: 'all.messages', deliver_policy: 'all', ack_policy: 'none' };
    const request = JSON.stringify({ stream_name: stream, config });
    const subject = `$JS.API.CONSUMER.CREATE.${stream}`;
    socket.write(`PUB ${subject} all.reply ${Buffer.byteLength(request)}\r\n${request}\r\n`);
    const messages: WireMessage[] = [];
    let expected = Infinity;
    while (messages.length < expected) {
      const message = await lines.message();
      if (message.subject !== 'all.reply') messages.push(message);
      else expected = pendingIn(message.body);
    }
    return messages;
  } finally {
    socket.destroy();
  }
}

/** How many messages the stream has, as the server answers when the consumer is made. */
function pendingIn(reply: string): number {
  const { num_pending: pending, error } = JSON.parse(reply) as {
    num_pending?: number;
    error?: object;
  };
  if (pending === undefined) throw new Error(`NATS: ${JSON.stringify(error)}`);
  return pending;
}

/** Takes the server's messages apart: `MSG` and `HMSG`, with what else comes in between. */
class Wire {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #read = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async message(): Promise<WireMessage> {
    for (;;) {
      const [is = '', ...words] = (await this.#line()).split(' ');
      if (is === 'PING') this.#socket.write('PONG\r\n');
      if (is === '-ERR') throw new Error(`NATS: ${words.join(' ')}`);
      if (is !== 'MSG' && is !== 'HMSG') continue;
      const headers = is === 'HMSG' ? Number(words.at(-2)) : 0;
      const content = (await this.#bytes(Number(words.at(-1)) + 2)).toString();
      const id = /^Nats-Msg-Id: ?(.*)\r$/m.exec(content.slice(0, headers))?.[1] ?? '';
      return { subject: words[0] ?? '', id, body: content.slice(headers, -2) };
    }
  }

  async #line(): Promise<string> {
    let end = this.#read.indexOf('\r\n');
    for (; end < 0; end = this.#read.indexOf('\r\n')) await this.#more();
    return this.#take(end + 2)
      .toString()
      .trimEnd();
  }

  async #bytes(count: number): Promise<Buffer> {
    while (this.#read.length < count) await this.#more();
    return this.#take(count);
  }

  #take(count: number): Buffer {
    const taken = this.#read.subarray(0, count);
    this.#read = this.#read.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#chunks.next();
    if (done) throw new Error('NATS hung up');
    this.#read = Buffer.concat([this.#read, value]);
  }
}
