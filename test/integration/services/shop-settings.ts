/** What the processes of the shop are told. */
export interface ShopSettings {
  /** Address of the coordinator. */
  readonly coordinator: string;
  readonly ordersUrl: string;
  readonly stockUrl: string;
  /** Where the stock service listens. */
  readonly stockAddress: string;
  readonly ordersPort: number;
  readonly queueFile: string;
  readonly deliveriesFile: string;
  /** Deadline of an order's transaction. */
  readonly timeoutMs: number;
}

const variable = 'UNANIMOUS_TEST_SHOP';

/** The settings as a process's environment. */
export function settingsEnv(settings: ShopSettings): Record<string, string> {
  return { [variable]: JSON.stringify(settings) };
}

/** The settings of this process. */
export function readSettings(): ShopSettings {
  return JSON.parse(String(process.env[variable])) as ShopSettings;
}

/** Tells who started this process that it answers. */
export function sayReady(): void {
  process.stdout.write('ready\n');
}
