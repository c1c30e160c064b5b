import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { type Service, serve } from '@unanimous/coordinator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';
import { splitImports, typescriptBlocks } from './snippets.ts';

// The README's own lines are run, as a newcomer would paste them, with our addresses in place.

const root = fileURLToPath(new URL('../../', import.meta.url));
const [short = '', imports = '', use = '', propagation = '', http = '', embedded = ''] =
  typescriptBlocks('README.md');
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

let folder: TempDir;
let programs: string;
let postgres: PostgresServer;
let coordinator: Service;
let connectionString: string;

beforeAll(async () => {
  folder = tempDir();
  mkdirSync(join(root, '.cache'), { recursive: true });
  programs = mkdtempSync(join(root, '.cache/readme-')); // where imports find the packages
  postgres = await startPostgres();
  connectionString = await postgres.createDatabase('readme');
  coordinator = await serve({ dataDir: folder.file('log'), listen: '127.0.0.1:0' });
});

afterAll(async () => {
  await coordinator?.close();
  await postgres?.stop();
  rmSync(programs, { recursive: true, force: true });
  folder?.remove();
});

/** Runs a program of its own and answers what it printed. */
async function run(name: string, program: string): Promise<string> {
  const file = join(programs, `${name}.mts`);
  writeFileSync(
    file,
    program
      .replaceAll('localhost:7411', coordinator.address)
      .replaceAll('queue.db', folder.file('queue.db'))
      .replaceAll('./unanimous-data', folder.file(`${name}-log`)),
  );
  const args = ['--conditions=@unanimous/source', '--import', tsx, file];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += String(chunk)));
  child.stderr.on('data', (chunk) => (printed += String(chunk)));
  await once(child, 'close');
  expect(child.exitCode, printed).toBe(0);
  return printed;
}

const makeTable = `
const setup = new pg.Client({ connectionString });
await setup.connect();
await setup.query('drop table if exists orders; create table orders (id text, dish text)');
`;

const report = `
const written = await setup.query('select id, dish from orders');
const queue = await openQueue({ file: 'queue.db', Database });
const queued = await queue.receive({ topic: 'orders.placed', max: 10 });
for (const message of queued) await queue.acknowledge(message);
console.log(JSON.stringify({ rows: written.rows, bodies: queued.map((message) => message.body) }));
await tm.close();
process.exit(0);
`;

const readQueue = "import { openQueue } from '@unanimous/participant-sdk/sqlite-queue';\n";

test('the first code stands by line 15, and every snippet is known to this test', () => {
  const lines = readFileSync(join(root, 'README.md'), 'utf8').split('\n');
  expect(lines.findIndex((line) => line.startsWith('```ts')) + 1).toBeLessThanOrEqual(15);
  expect(typescriptBlocks('README.md')).toHaveLength(6);
});

test('the first snippet writes the order and its event', async () => {
  const head = splitImports(imports).imports + readQueue;
  const given = `const connectionString = ${JSON.stringify(connectionString)};\n`;
  const printed = await run('short', [head, given, makeTable, short, report].join('\n'));
  expect(JSON.parse(printed)).toEqual({
    rows: [{ id: 'o-1', dish: 'ramen' }],
    bodies: [{ id: 'o-1' }],
  });
});

test('the kysely snippet writes the order and its event', async () => {
  const { imports: head, body } = splitImports(imports);
  const tables = 'interface Tables { orders: { id: string; dish: string } }\n';
  const given = `${tables}const connectionString = ${JSON.stringify(connectionString)};\n`;
  const check = "\nif (!applied || !gid) throw new Error('not applied');\n";
  const parts = [head + readQueue, given, makeTable, body, use, check, report];
  expect(JSON.parse(await run('kysely', parts.join('\n')))).toEqual({
    rows: [{ id: 'o-2', dish: 'udon' }],
    bodies: [{ id: 'o-2' }],
  });
});

test('the propagation snippet carries a transaction into a called service', async () => {
  const { imports: head, body } = splitImports(propagation);
  const api = JSON.stringify(join(root, 'examples/food-order/services/stock-api.ts'));
  const prelude = `
import { Server, ServerCredentials, credentials as grpcCredentials } from '@grpc/grpc-js';
import { currentTransaction, TransactionClient } from '@unanimous/participant-sdk';
import { Stock as StockClient, stockHandlers } from ${api};
const tm = new TransactionClient('localhost:7411');
const credentials = grpcCredentials.createInsecure();
const address = 'unix:${folder.file('stock.sock')}';
`;
  const call = `
let joined;
server.addService(StockClient.service, stockHandlers(async () => {
  joined = currentTransaction()?.gid;
}));
await new Promise((resolve) => server.bindAsync(address, ServerCredentials.createInsecure(), resolve));
const { gid } = await tm.transaction(() => new Promise((resolve, reject) => {
  stock.reserve({ orderId: 'o', dish: 'd', portions: 1 }, (error) => (error ? reject(error) : resolve()));
}));
console.log(JSON.stringify(gid === joined));
server.forceShutdown();
stock.close();
await tm.close();
`;
  expect(JSON.parse(await run('propagation', [head, prelude, body, call].join('\n')))).toBe(true);
});

test('the HTTP snippet carries a transaction into a called service', async () => {
  const { imports: head, body } = splitImports(http);
  const [caller = '', called = ''] = body.split('\n').filter((line) => line.startsWith('await'));
  const program = `
import { createServer } from 'node:http';
import { currentTransaction, TransactionClient } from '@unanimous/participant-sdk';
${head}
const tm = new TransactionClient('localhost:7411');
let joined;
const reserve = async () => { joined = currentTransaction()?.gid; };
const server = createServer(async (request, response) => {
  ${called}
  response.end();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = 'http://127.0.0.1:' + server.address().port;
const { gid } = await tm.transaction(async () => {
  ${caller.replace("'http://stock.internal/reserve'", "address + '/reserve'")}
});
console.log(JSON.stringify(gid === joined));
server.close();
server.closeAllConnections();
await tm.close();
`;
  expect(JSON.parse(await run('http', program))).toBe(true);
});

test('the embedded snippet needs no coordinator', async () => {
  const head = "import { TransactionClient } from '@unanimous/participant-sdk';\n";
  const call = `
const { outcome } = await tm.transaction(async () => undefined);
console.log(JSON.stringify(outcome));
await tm.close();
`;
  expect(JSON.parse(await run('embedded', [head, embedded, call].join('\n')))).toBe('committed');
});
