import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { copyDataFolder, signalRecovery } from './data-folder.ts';
import type { ShopDatabases } from './shop-databases.ts';
import type { TcpRelay } from './tcp-relay.ts';

/**
 * A standby of the shop's server, which can take its place behind the relay that everybody connects
 * through, and then has the old one as its own standby.
 */
export class StandbyPair implements AsyncDisposable {
  readonly #relay: TcpRelay;
  readonly #started: PostgresServer;
  primary: PostgresServer;
  standby: PostgresServer;

  private constructor(primary: PostgresServer, standby: PostgresServer, relay: TcpRelay) {
    this.primary = primary;
    this.standby = standby;
    this.#started = standby;
    this.#relay = relay;
  }

  /** Makes a standby for databases that were started `through` this relay. */
  static async start({ ordersServer }: ShopDatabases, relay: TcpRelay): Promise<StandbyPair> {
    const pair = new StandbyPair(
      ordersServer,
      await startPostgres({ settings: { fsync: 'off' } }),
      relay,
    );
    await pair.#copyToStandby();
    return pair;
  }

  /** Runs a statement on a server itself, past the relay. */
  async ask(server: PostgresServer, sql: string): Promise<Record<string, unknown>[]> {
    const connectionString = server.url('orders');
    const client = new pg.Client({ connectionString, application_name: 'onlooker' });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Waits until the standby has replayed all that the primary has written. */
  async untilCaughtUp(timeoutMs = 20_000): Promise<void> {
    const [row] = await this.ask(this.primary, 'select pg_current_wal_insert_lsn()::text as lsn');
    const sql = `select pg_last_wal_replay_lsn() >= '${String(row?.['lsn'])}' as is`;
    await waitUntil(async () => (await this.ask(this.standby, sql))[0]?.['is'] === true, {
      what: 'the standby to catch up',
      timeoutMs,
    });
  }

  /** Makes the standby the primary, and leads everybody there. The old one must be stopped. */
  async promote(): Promise<void> {
    await this.ask(this.standby, 'select pg_promote()');
    [this.primary, this.standby] = [this.standby, this.primary];
    this.#relay.retarget(addressOf(this.primary));
    this.#relay.cut();
  }

  /** Makes the old primary, which is stopped, a standby of the new one. */
  async rejoin(): Promise<void> {
    try {
      await this.#follow(5_000);
    } catch {
      // It had written something more before it was stopped, which the new one does not have.
      await this.#copyToStandby();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.stop();
  }

  async #copyToStandby(): Promise<void> {
    await Promise.all([this.primary.stopImmediate(), this.standby.stopImmediate()]);
    copyDataFolder(this.primary.dataFolder, this.standby.dataFolder);
    await this.primary.restart();
    await this.#follow();
  }

  async #follow(timeoutMs?: number): Promise<void> {
    signalRecovery(this.standby.dataFolder, 'standby', [
      `primary_conninfo = 'host=127.0.0.1 port=${this.primary.port} user=postgres'`,
      "wal_retrieve_retry_interval = '100ms'",
    ]);
    await this.standby.restart();
    await this.untilCaughtUp(timeoutMs);
  }
}

function addressOf({ port }: PostgresServer): string {
  return `127.0.0.1:${port}`;
}
