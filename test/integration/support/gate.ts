import pg from 'pg';

/** The key of the advisory lock that is the gate. */
const key = 7411;

/**
 * SQL that puts a gate before the prepare of everything that inserts into a table: a deferred
 * constraint runs at PREPARE TRANSACTION, and waits there while the gate is closed.
 */
export function gateOn(table: string): string {
  return `
    create or replace function wait_at_gate() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_lock_shared(${key});
      perform pg_advisory_unlock_shared(${key});
      return null;
    end $$;
    create constraint trigger gate_${table} after insert on ${table}
      deferrable initially deferred for each row execute function wait_at_gate()`;
}

/** A closed gate in one database: prepares of its gated tables wait until it is opened. */
export class Gate implements AsyncDisposable {
  readonly #client: pg.Client;
  #isOpen = false;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Closes the gate; resolves when it is closed. */
  static async close(connectionString: string): Promise<Gate> {
    const client = new pg.Client({ connectionString, application_name: 'onlooker' });
    client.on('error', () => {}); // its server may be killed
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [key]);
    return new Gate(client);
  }

  /** How many prepares wait before it. */
  async waiting(): Promise<number> {
    const sql = `
      select count(*)::int as count from pg_locks
      where locktype = 'advisory' and objid = ${key} and not granted
        and database = (select oid from pg_database where datname = current_database())`;
    const { rows } = await this.#client.query<{ count: number }>(sql);
    return rows[0]?.count ?? 0;
  }

  /** Lets everything through again. Idempotent. */
  async open(): Promise<void> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    await this.#client.end().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open();
  }
}
