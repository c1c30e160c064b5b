import { fileURLToPath } from 'node:url';
import type { InReverse } from '../../../examples/support/in-reverse.ts';
import { NodeProcess } from '../../integration/support/node-process.ts';
import { payments } from '../../participant-sdk/service/payment-resource.ts';
import { freePort } from '../../support/free-port.ts';
import type { TempDir } from '../../support/temp-dir.ts';
import type { Effect, ResourceCase, Target } from '../support/resource-case.ts';
import { hasClient, querySqlite } from '../support/run-client.ts';

/** What the participant needs to know of the provider. */
export interface ProviderSettings {
  readonly url: string;
}

/** Each transaction reserves two payments at a provider that lists what is open. */
export const resourceCase: ResourceCase<ProviderSettings> = {
  title: 'A service that reserves',
  module: import.meta.url,
  reader: "sqlite3, in the provider's ledger",
  promised: { parts: 2, repeats: 'none', order: 'none' },
  isPresent: () => hasClient('sqlite3'),
  start: startProvider,

  async serve(tm, rm, { url }) {
    const options = { url, rm, lapsesAfterMs: 600_000, lists: true };
    const provider = await tm.serve(payments(options));
    return ({ n, part }: Effect) => provider.reserve({ order: `${n}/${part}`, cents: 500 });
  },
};

/** The provider as a process that keeps its books in a file. */
async function startProvider(parts: InReverse, dir: TempDir): Promise<Target<ProviderSettings>> {
  const file = dir.file('payments.db');
  const port = await freePort();
  const program = '../../participant-sdk/service/services/payment-process.ts';
  const path = fileURLToPath(new URL(program, import.meta.url));
  const provider = parts.use(
    new NodeProcess({
      name: 'the provider',
      args: ['--conditions=@unanimous/source', '--import', 'tsx', path],
      env: { PAYMENTS_FILE: file, PAYMENTS_PORT: String(port) },
      readyLine: 'ready',
      logFile: dir.file('provider.log'),
    }),
  );
  await provider.start();
  const inState = (state: string) => {
    const sql = `select order_id, reference from payments where state = '${state}' order by id`;
    return querySqlite<Payment>(file, sql).map(foundIn);
  };
  return {
    settings: { url: `http://127.0.0.1:${port}` },
    server: { kill9: () => provider.kill9(), restart: () => provider.start() },
    read: async () => inState('confirmed'),
    prepared: async () => inState('held').map(({ id }) => id),
  };
}

interface Payment {
  readonly order_id: string;
  readonly reference: string;
}

function foundIn({ order_id: order, reference }: Payment) {
  const [n, part] = order.split('/').map(Number);
  const [gid = ''] = reference.split('/');
  return { n: n ?? 0, part: part ?? 0, gid, id: reference };
}
