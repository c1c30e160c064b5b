// A payment provider that knows nothing of transactions: reservations that lapse, idempotency keys,
// SQLite with every answer on disk before it is told, and faults on request.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';

type Act = 'try' | 'confirm' | 'cancel' | 'call';
/** What goes wrong at an act, so many times. */
interface Fault {
  readonly act: Act;
  readonly is: 'lost' | 'slow' | '500' | 'die-before' | 'die-after';
  times: number;
}
interface Answer {
  readonly status: number;
  readonly body: object;
}

const db = new Database(process.env.PAYMENTS_FILE ?? '');
db.pragma('journal_mode = wal');
db.pragma('synchronous = full');
db.exec(`
  create table if not exists payments (id integer primary key, order_id text not null,
    account text not null, reference text not null, cents integer not null, state text not null, lapses_at_ms integer not null) strict;
  create table if not exists answers (key text primary key, status integer not null, body text not null) strict;
  create table if not exists calls (n integer primary key, act text not null, key text not null) strict;`);

let aheadMs = 0;
const faults: Fault[] = [];

/** States lapse by the clock, before anything else is asked. */
function lapse(): void {
  db.prepare(`update payments set state = 'lapsed' where state = 'held' and lapses_at_ms <= ?`).run(
    Date.now() + aheadMs,
  );
}

interface Wanted {
  readonly account: string;
  readonly reference: string;
  readonly order: string;
  readonly cents: number;
  readonly holdMs: number;
}

function reserve({ account, reference, order, cents, holdMs }: Wanted): Answer {
  if (cents > 100_000) return { status: 402, body: { why: 'over the limit' } };
  const { lastInsertRowid } = db
    .prepare(
      `insert into payments (account, reference, order_id, cents, state, lapses_at_ms)
       values (?, ?, ?, ?, 'held', ?)`,
    )
    .run(account, reference, order, cents, Date.now() + aheadMs + holdMs);
  return { status: 201, body: { payment: Number(lastInsertRowid) } };
}

/** Final at once: there is no way back. */
function transfer({ account, reference, order, cents }: Wanted): Answer {
  if (cents > 100_000) return { status: 402, body: { why: 'over the limit' } };
  db.prepare(
    `insert into payments (account, reference, order_id, cents, state, lapses_at_ms)
     values (?, ?, ?, ?, 'confirmed', 0)`,
  ).run(account, reference, order, cents);
  return { status: 201, body: {} };
}

function finish(payment: number, to: 'confirmed' | 'cancelled'): Answer {
  const query = db.prepare('select state from payments where id = ?').pluck();
  const state = query.get(payment);
  const isOver = state === undefined || state === 'lapsed';
  if (state === to || (isOver && to === 'cancelled')) return { status: 200, body: {} };
  if (state !== 'held') return { status: 409, body: { why: `it is ${String(state)}` } };
  db.prepare('update payments set state = ? where id = ?').run(to, payment);
  return { status: 200, body: {} };
}

/** The same key has the same answer; work and answer are one write. */
const answerOnce = db.transaction((act: Act, key: string, work: () => Answer): Answer => {
  db.prepare('insert into calls (act, key) values (?, ?)').run(act, key);
  lapse();
  const known = db.prepare('select status, body from answers where key = ?').get(key) as
    | { status: number; body: string }
    | undefined;
  if (known) return { status: known.status, body: JSON.parse(known.body) as object };
  const answer = work();
  db.prepare('insert into answers (key, status, body) values (?, ?, ?)').run(
    key,
    answer.status,
    JSON.stringify(answer.body),
  );
  return answer;
});

async function perform(
  act: Act,
  request: IncomingMessage,
  response: ServerResponse,
  work: () => Answer,
): Promise<void> {
  const fault = faults.find((each) => each.act === act && each.times > 0);
  if (fault) fault.times -= 1;
  if (fault?.is === 'die-before') process.kill(process.pid, 'SIGKILL');
  if (fault?.is === '500') return void response.writeHead(500).end('{}');
  const { status, body } = answerOnce(act, String(request.headers['idempotency-key']), work);
  if (fault?.is === 'die-after') process.kill(process.pid, 'SIGKILL');
  if (fault?.is === 'lost') return void response.destroy();
  if (fault?.is === 'slow') await sleep(60_000, undefined, { ref: false });
  response.writeHead(status).end(JSON.stringify(body));
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = Buffer.concat((await request.toArray()) as Buffer[]).toString();
  const body = JSON.parse(text || '{}') as never;
  const [, what = '', id = '', act = ''] = (request.url ?? '').split('/');
  switch (`${request.method} ${what} ${act}`.trim()) {
    case 'POST reservations':
      return perform('try', request, response, () => reserve(body));
    case 'POST transfers':
      return perform('call', request, response, () => transfer(body));
    case 'POST reservations confirm':
      return perform('confirm', request, response, () => finish(Number(id), 'confirmed'));
    case 'POST reservations cancel':
      return perform('cancel', request, response, () => finish(Number(id), 'cancelled'));
    case 'GET open': {
      lapse();
      const query = `select id as payment, reference from payments where account = ? and state = 'held'`;
      return void response.end(JSON.stringify(db.prepare(query).all(id)));
    }
    case 'GET payments':
      lapse();
      return void response.end(
        JSON.stringify(db.prepare('select state from payments where order_id = ?').pluck().all(id)),
      );
    case 'GET calls':
      return void response.end(
        JSON.stringify(db.prepare('select act, key from calls order by n').all()),
      );
    case 'PUT faults':
      faults.splice(0, faults.length, body);
      return void response.end('{}');
    case 'PUT clock':
      aheadMs += (body as { byMs: number }).byMs;
      return void response.end('{}');
    default:
      return void response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(Number(process.env.PAYMENTS_PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
process.on('SIGTERM', () => process.exit(0));
console.log(`ready ${(server.address() as AddressInfo).port}`);
