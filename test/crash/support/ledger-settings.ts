import type { PoolOptions } from 'mysql2';

/** What the ledger's process needs to know. */
export interface LedgerSettings {
  /** Address of the coordinator. */
  readonly coordinator: string;
  readonly mariadb: PoolOptions;
  readonly postgresUrl: string;
  /** Where it writes down what it begins and is told. */
  readonly notesFile: string;
  /** How many entries are to be tried in all. */
  readonly entries: number;
  /** How many at a time. */
  readonly writers: number;
}

/** The settings as an environment. */
export function ledgerEnv(settings: LedgerSettings): Record<string, string> {
  return { UNANIMOUS_TEST_LEDGER: JSON.stringify(settings) };
}

/** Reads them back in the process. */
export function readLedgerSettings(): LedgerSettings {
  return JSON.parse(process.env.UNANIMOUS_TEST_LEDGER ?? '{}') as LedgerSettings;
}
