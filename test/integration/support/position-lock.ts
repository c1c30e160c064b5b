import pg from 'pg';

/**
 * Holds up all commits of phase two in one database, in an epoch in which it has not committed
 * anything yet: before its first commit of an epoch an RM remembers the log's position, in a table
 * that this locks. So a test can find a decision that is durable and not applied.
 */
export class PositionLock implements AsyncDisposable {
  readonly #client: pg.Client;
  #isReleased = false;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Takes the lock. */
  static async take(connectionString: string): Promise<PositionLock> {
    const client = new pg.Client({ connectionString, application_name: 'onlooker' });
    client.on('error', () => {}); // its server may be killed
    await client.connect();
    await client.query('begin; lock table unanimous_log_positions in share mode');
    return new PositionLock(client);
  }

  /** Lets the commits go on. Idempotent. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#client.end().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
