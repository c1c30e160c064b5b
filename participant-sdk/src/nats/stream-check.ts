import { UnanimousError } from '@unanimous/proto';
import { untilAborted } from '../logged/until-aborted.ts';
import type { JetStream, NatsStreamInfo } from './nats-client.ts';
import { natsError } from './nats-error.ts';

/** How targets are checked. */
export interface StreamCheckOptions {
  readonly rm: string;
  readonly takesMemory: boolean;
  readonly timeoutMs: number;
}

/** Asks before the vote whether a stream will take a message of a subject. */
export class StreamCheck {
  readonly #options: StreamCheckOptions;
  readonly #jetstream: () => JetStream;
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: StreamCheckOptions, jetstream: () => JetStream) {
    this.#options = options;
    this.#jetstream = jetstream;
  }

  /** @throws UnanimousError `unroutable`, or `rm-unavailable` when it is full or does not answer. */
  check(subject: string): Promise<void> {
    const running = this.#running.get(subject);
    if (running) return running;
    const { rm, timeoutMs } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const check = untilAborted(this.#ask(subject), timeout)
      .catch((error: unknown) => {
        if (error instanceof UnanimousError) throw error;
        if (!timeout.aborted) throw natsError(rm, `subject ${subject}`, error);
        const text = `NATS did not answer within ${timeoutMs} ms`;
        throw new UnanimousError('rm-unavailable', text, { rm, cause: error });
      })
      .finally(() => this.#running.delete(subject));
    this.#running.set(subject, check);
    return check;
  }

  async #ask(subject: string): Promise<void> {
    const { streams } = await this.#jetstream().jetstreamManager();
    const name = await streams.find(subject);
    this.#refuse(name, await streams.info(name));
  }

  #refuse(name: string, { config, state }: NatsStreamInfo): void {
    const { rm, takesMemory } = this.#options;
    if (config.storage !== 'file' && !takesMemory) {
      throw new UnanimousError('prepare-refused', `stream ${name} is kept in memory only`, {
        rm,
        hint: "Keep it in a file, or accept the loss: durability: 'memory'.",
      });
    }
    const isFull =
      (config.max_msgs > 0 && state.messages >= config.max_msgs) ||
      (config.max_bytes > 0 && state.bytes >= config.max_bytes);
    if (config.discard !== 'new' || !isFull) return;
    throw new UnanimousError('rm-unavailable', `stream ${name} is full and takes nothing new`, {
      rm,
      hint: 'Let its consumers catch up, or raise max_msgs or max_bytes.',
    });
  }
}
