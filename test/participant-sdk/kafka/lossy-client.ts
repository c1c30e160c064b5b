import { connect, type Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';

/** A client that can lose an answer of the broker, and its connection with it. */
export class LossyClient {
  readonly kafka: Kafka;
  #losesNext = false;

  constructor(port: number) {
    this.kafka = new Kafka({
      brokers: [`127.0.0.1:${port}`],
      logLevel: logLevel.NOTHING,
      socketFactory: ({ host, port: at, onConnect }) => this.#lossy(connect(at, host, onConnect)),
      retry: { initialRetryTime: 20, maxRetryTime: 50 },
    });
  }

  /** The next answer is lost. */
  loseAnswer(): void {
    this.#losesNext = true;
  }

  #lossy(socket: Socket): Socket {
    const emit = socket.emit.bind(socket) as (name: string, ...args: unknown[]) => boolean;
    socket.emit = (name: string, ...args: unknown[]) => {
      if (name !== 'data' || !this.#losesNext) return emit(name, ...args);
      this.#losesNext = false;
      socket.destroy(new Error('the answer is lost'));
      return true;
    };
    return socket;
  }
}
