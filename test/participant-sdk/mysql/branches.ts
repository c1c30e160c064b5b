import type { BranchId, UnanimousError } from '@unanimous/proto';
import mysql2, { type Pool, type PoolConnection } from 'mysql2';
import {
  mysql,
  type MysqlOptions,
  type MysqlResource,
} from '../../../participant-sdk/src/mysql/index.ts';
import { type MariadbServer, startMariadb } from '../../servers/mariadb.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { TestHost, type TestTransaction } from '../support/test-host.ts';

/** An open resource on a database of its own, with a host that drives it. */
export class Fixture {
  readonly resource: MysqlResource;
  readonly host = new TestHost();
  readonly server: MariadbServer;
  readonly database: string;
  incarnation = '';
  identity = '';
  /** The connection that the pool gave out last, not a lease of it. */
  rawConnection: PoolConnection | undefined;

  constructor(server: MariadbServer, database: string, options: Partial<MysqlOptions> = {}) {
    this.server = server;
    this.database = database;
    const where = { ...server.options(database), connectionLimit: 5 };
    this.resource = mysql({ rm: 'orders', mysql2, ...where, ...options });
    this.resource.attach(this.host);
    this.pool.on('acquire', (connection) => {
      this.rawConnection = connection;
    });
  }

  get pool(): Pool {
    return this.resource.pool;
  }

  /** A statement through the pool, in its promise form; gives its rows or what came of it. */
  async query(sql: string, values?: unknown[]): Promise<any> {
    return (await this.pool.promise().query(sql, values))[0];
  }

  async open(): Promise<this> {
    Object.assign(this, await this.resource.open());
    return this;
  }

  /** Runs `work` inside a new transaction; the branch is left open. */
  run(work: () => unknown): Promise<TestTransaction> {
    return this.host.run({ rm: this.resource.rm, incarnation: this.incarnation }, work);
  }

  /** Runs `work` and prepares; fails unless it votes yes. Gives the id and the receipt. */
  async prepared(work: () => unknown): Promise<Prepared> {
    const transaction = await this.run(work);
    const vote = await transaction.open.prepare();
    if (vote.vote !== 'yes') throw new Error(`voted ${vote.vote}`);
    return { id: transaction.id, receipt: vote.receipt };
  }

  commit({ id, receipt }: Prepared, { seq = 1, lowWaterSeq = 0 } = {}) {
    const decided = { receipt, redo: new Uint8Array(), epoch: 1, seq, lowWaterSeq };
    return this.resource.commit(id, decided);
  }

  /** The values in the table t, as the command-line client sees them. */
  values(): number[] {
    return this.sql('SELECT a FROM t ORDER BY a').split('\n').filter(Boolean).map(Number);
  }

  /** Runs statements by the command-line client. */
  sql(sql: string): string {
    return this.server.client(sql, this.database);
  }

  /**
   * Resolves when InnoDB has no transaction open in the whole server. It makes its list anew only when
   * nobody has read it for 100 ms.
   */
  async allOver(): Promise<void> {
    const count = 'SELECT COUNT(*) FROM information_schema.innodb_trx';
    await waitUntil(() => this.sql(count) === '0\n', {
      what: 'all transactions to end',
      intervalMs: 150,
    });
  }

  /** What the server lists as prepared, of all databases. */
  listed(): string[] {
    return this.sql('XA RECOVER').split('\n').filter(Boolean);
  }

  /** Ends what a test, failed perhaps, has left open or prepared. */
  async clear(): Promise<void> {
    await this.host.rollBackAll();
    for (const id of await this.resource.scan()) await this.resource.abort(id, '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.rollBackAll();
    await this.resource.close();
  }
}

/** A branch that has voted yes. */
export interface Prepared {
  readonly id: BranchId;
  readonly receipt: string;
}

/** A server, and databases with a table t (a int) in it. */
export class TestMariadb {
  readonly server: MariadbServer;
  #count = 0;

  constructor(server: MariadbServer) {
    this.server = server;
  }

  static async start(options?: Parameters<typeof startMariadb>[0]): Promise<TestMariadb> {
    return new TestMariadb(await startMariadb(options));
  }

  /** A fresh database with the table t. */
  database(): string {
    const name = `test_${(this.#count += 1)}`;
    this.server.client(`CREATE DATABASE ${name}; CREATE TABLE ${name}.t (a int) ENGINE=InnoDB`);
    return name;
  }

  /** An open resource on a database of its own. */
  async fixture(options: Partial<MysqlOptions> = {}): Promise<Fixture> {
    return new Fixture(this.server, this.database(), options).open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}

/** Resolves after so many milliseconds. */
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown> | undefined): Promise<UnanimousError> {
  try {
    await promise;
  } catch (error) {
    return error as UnanimousError;
  }
  throw new Error('it did not fail');
}
