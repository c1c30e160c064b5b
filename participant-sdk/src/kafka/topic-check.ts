import { UnanimousError } from '@unanimous/proto';
import { untilAborted } from '../logged/until-aborted.ts';
import type { KafkaAdmin } from './kafka-client.ts';
import { kafkaError } from './kafka-error.ts';

/** How topics are checked. */
export interface TopicCheckOptions {
  readonly rm: string;
  readonly admin: KafkaAdmin;
  readonly timeoutMs: number;
}

/** Asks the brokers before the vote which topics there are. Questions at one time are asked once. */
export class TopicCheck {
  readonly #options: TopicCheckOptions;
  #running: Promise<ReadonlySet<string>> | undefined;

  constructor(options: TopicCheckOptions) {
    this.#options = options;
  }

  /** @throws UnanimousError `unroutable` naming the topic, or `rm-unavailable`. */
  async check(topics: Iterable<string>): Promise<void> {
    this.#running ??= this.#ask().finally(() => (this.#running = undefined));
    const known = await this.#running;
    const missing = [...topics].find((topic) => !known.has(topic));
    if (missing === undefined) return;
    throw new UnanimousError('unroutable', `there is no topic ${missing}`, {
      rm: this.#options.rm,
      hint: 'Create the topic first.',
    });
  }

  async #ask(): Promise<ReadonlySet<string>> {
    const { rm, admin, timeoutMs } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return new Set(await untilAborted(admin.listTopics(), timeout));
    } catch (cause) {
      if (!timeout.aborted) throw kafkaError(rm, 'listing topics', cause);
      const text = `Kafka did not answer within ${timeoutMs} ms`;
      throw new UnanimousError('rm-unavailable', text, { rm, cause });
    }
  }
}
