import { UnanimousError } from '@unanimous/proto';
import type { DecisionLog } from './log/decision-log.ts';
import { type Logger, logEvents } from './log-events.ts';

/** What each resource manager's name stands for: the first is recorded, another is refused. */
export class RmIdentities {
  readonly #log: DecisionLog;
  readonly #logger: Logger;
  readonly #onLogFailure: (error: unknown) => void;
  /** Promises, since the first of a name must be durable before anybody may rely on it. */
  readonly #byName = new Map<string, Promise<string>>();

  constructor(log: DecisionLog, logger: Logger, onLogFailure: (error: unknown) => void) {
    this.#log = log;
    this.#logger = logger;
    this.#onLogFailure = onLogFailure;
  }

  /** The log says what a name stands for. */
  restore(rm: string, identity: string): void {
    this.#byName.set(rm, Promise.resolve(identity));
  }

  /** Whether anybody has ever served it. */
  has(rm: string): boolean {
    return this.#byName.has(rm);
  }

  /**
   * Checks what a process says that a name stands for; records it when it is the first.
   * @throws UnanimousError `rm-identity-mismatch`, `log-failed`.
   */
  async check(rm: string, identity: string): Promise<void> {
    let known = this.#byName.get(rm);
    if (!known) {
      known = this.#register(rm, identity);
      this.#byName.set(rm, known);
    }
    const first = await known;
    if (first === identity) return;
    const message = `rm: ${rm} stands for ${first}, and this process brings ${identity}`;
    throw new UnanimousError('rm-identity-mismatch', message, { rm });
  }

  async #register(rm: string, identity: string): Promise<string> {
    try {
      await this.#log.append([{ kind: 'rm-registered', rm, identity }]);
    } catch (error) {
      this.#onLogFailure(error);
      throw UnanimousError.from(error, 'log-failed');
    }
    this.#logger.info({ event: logEvents.rmRegistered, rm, identity });
    return identity;
  }
}
