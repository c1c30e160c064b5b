import { TransactionClient } from '@unanimous/participant-sdk';

/** Clients with a session each that do nothing. */
export class IdleSessions implements AsyncDisposable {
  readonly #clients: readonly TransactionClient[];

  private constructor(clients: readonly TransactionClient[]) {
    this.#clients = clients;
  }

  /** Opens them, and waits until the coordinator has welcomed all. */
  static async open(address: string, count: number): Promise<IdleSessions> {
    const clients: TransactionClient[] = [];
    for (let from = 0; from < count; from += 50) {
      const some = Array.from({ length: Math.min(50, count - from) }, () => {
        return new TransactionClient({ address, service: 'idle', connectTimeoutMs: 60_000 });
      });
      // A transaction that writes nothing ends only on a session that is open.
      await Promise.all(some.map((tm) => tm.transaction(() => {})));
      clients.push(...some);
    }
    return new IdleSessions(clients);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((tm) => tm.close()));
  }
}
