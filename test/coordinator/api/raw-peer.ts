import { randomUUID } from 'node:crypto';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { contract } from './contract-client.ts';

const method = contract.Coordinator.service.Session;

/** A peer on bare HTTP/2: it says what it is told to, and reads only when it is told to. */
export class RawPeer {
  readonly instance = `raw-${randomUUID()}`;
  readonly stream: ClientHttp2Stream;
  readonly #http2: ClientHttp2Session;

  constructor(address: string) {
    this.#http2 = connect(`http://${address}`);
    this.#http2.on('error', () => {});
    this.stream = this.#http2.request({
      ':method': 'POST',
      ':path': '/unanimous.v1.Coordinator/Session',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.stream.on('error', () => {});
  }

  /** Says hello, and waits until the coordinator has answered with a first byte. */
  async hello(): Promise<void> {
    this.send({ hello: { protocolMin: 1, protocolMax: 1, instance: this.instance } });
    await new Promise((resolve) => this.stream.once('response', resolve));
  }

  /** Answers false when the way is full. */
  send(frame: object): boolean {
    const message = method?.requestSerialize(frame) ?? Buffer.alloc(0);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    return this.stream.write(Buffer.concat([head, message]));
  }

  close(): void {
    this.#http2.destroy();
  }
}
