import Boss from 'pg-boss';

/** pg-boss as a user starts it, with a queue `mails`. */
export class PgBoss {
  readonly #boss: Boss;

  private constructor(boss: Boss) {
    this.#boss = boss;
  }

  static async start(connectionString: string): Promise<PgBoss> {
    const boss = new Boss({ connectionString, supervise: false, schedule: false });
    boss.on('error', () => {});
    await boss.start();
    await boss.createQueue('mails');
    return new PgBoss(boss);
  }

  send(queue: string, data: object, options: Boss.ConnectionOptions): Promise<unknown> {
    return this.#boss.send(queue, data, options as Boss.SendOptions);
  }

  /** The data of all jobs that wait. */
  async fetchAll(queue: string): Promise<unknown[]> {
    const jobs = await this.#boss.fetch<object>(queue, { batchSize: 10 });
    return jobs.map(({ data }) => data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#boss.stop({ graceful: false });
  }
}
