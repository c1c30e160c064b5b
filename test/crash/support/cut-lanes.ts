import { currentTransaction, TransactionClient, UnanimousError } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { parseBranchId } from '@unanimous/proto';
import pg from 'pg';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { type Direction, TcpRelay } from '../../integration/support/tcp-relay.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { boundedScanMs, orderTimeoutMs } from '../services/pace.ts';
import { allowedMs } from './bounds.ts';

/** A session that is cut, once, when so many bytes have gone that way. */
export interface Cut {
  readonly direction: Direction;
  readonly bytes: number;
}

/** How many places a transaction of the session writes to: two phases, or one. */
export type Places = 1 | 2;

/** What was found of one cut. */
export interface CutResult {
  /** The session was long enough for it. */
  readonly isReached: boolean;
  readonly told: 'committed' | 'aborted' | 'unknown';
}

interface Note {
  readonly places: Places;
  readonly told: CutResult['told'];
  /** Of what was confirmed. */
  readonly gid: string | undefined;
}

/** A service with two databases, and a network of its own to the coordinator. */
interface Lane {
  readonly name: string;
  readonly relay: TcpRelay;
  readonly tm: TransactionClient;
  readonly pools: readonly pg.Pool[];
}

/** What the lanes are connected to. */
export interface CutLanesOptions {
  /** Address of the coordinator. */
  readonly coordinator: string;
  /** Two databases of one server, with nothing in them. */
  readonly urls: readonly [string, string];
  readonly count: number;
}

/** Many services at once, each of which has its session cut again and again. */
export class CutLanes implements AsyncDisposable {
  readonly #parts: InReverse;
  readonly #lanes: readonly Lane[];
  readonly #onlookers: readonly pg.Pool[];
  readonly #notes = new Map<string, Note>();

  private constructor(parts: InReverse, lanes: readonly Lane[], onlookers: readonly pg.Pool[]) {
    this.#parts = parts;
    this.#lanes = lanes;
    this.#onlookers = onlookers;
  }

  /** Makes the tables and connects all lanes. */
  static async start({ coordinator, urls, count }: CutLanesOptions): Promise<CutLanes> {
    const parts = new InReverse();
    try {
      const onlookers = urls.map((connectionString) => new pg.Pool({ connectionString, max: 2 }));
      for (const pool of onlookers) {
        parts.use({ [Symbol.asyncDispose]: () => pool.end() });
        await pool.query('create table notes (id text primary key, gid text not null)');
      }
      const lanes: Lane[] = [];
      for (let n = 1; n <= count; n += 1) {
        lanes.push(await openLane(parts, `lane-${n}`, coordinator, urls));
      }
      return new CutLanes(parts, lanes, onlookers);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Bytes of a session, each way, from its beginning to the end of one transaction. */
  async record(places: Places): Promise<Record<Direction, number>> {
    const [lane] = this.#lanes as [Lane];
    const lengths = { requests: 0, answers: 0 };
    for (let time = 1; time <= 3; time += 1) {
      lane.relay.cut();
      await this.#write(lane, places);
      await this.#untilSettled(lane);
      for (const way of ['requests', 'answers'] as const) {
        lengths[way] = Math.max(lengths[way], lane.relay.passed(way));
      }
    }
    return lengths;
  }

  /** Makes all cuts, each in a session of its own with one transaction. */
  async cutAll(cuts: readonly Cut[], places: Places): Promise<CutResult[]> {
    const waiting = [...cuts];
    const results: CutResult[] = [];
    const work = async (lane: Lane) => {
      for (let cut = waiting.shift(); cut; cut = waiting.shift()) {
        lane.relay.cutNextAt(cut.direction, cut.bytes);
        lane.relay.cut();
        const told = await this.#write(lane, places);
        await this.#untilSettled(lane);
        results.push({ isReached: !lane.relay.isCutDue, told });
      }
    };
    await Promise.all(this.#lanes.map(work));
    return results;
  }

  /** Every difference between the databases, and between them and what was told. */
  async violations(): Promise<string[]> {
    const [first, second] = (await Promise.all(this.#onlookers.map(gidsById))) as [Gids, Gids];
    const ids = new Set([...first.keys(), ...second.keys(), ...this.#notes.keys()]);
    return [...ids].flatMap((id) => {
      const { places, told, gid } = this.#notes.get(id) ?? { places: 2, told: 'unknown' };
      const [here, there] = [first.get(id), second.get(id)];
      if (places === 2 && here !== there) return [`${id}: written by ${here} and ${there}`];
      if (told === 'committed' && here !== gid) return [`${id}: told ${gid}, written by ${here}`];
      return told === 'aborted' && here !== undefined ? [`${id}: told aborted, but there`] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }

  async #write({ name, tm, pools }: Lane, places: Places): Promise<CutResult['told']> {
    const id = `${name}-${this.#notes.size + 1}`;
    const note = (told: CutResult['told'], gid?: string) => {
      this.#notes.set(id, { places, told, gid });
      return told;
    };
    note('unknown');
    try {
      const write = async () => {
        const values = [id, currentTransaction()?.gid];
        for (const pool of pools.slice(0, places)) {
          await pool.query('insert into notes (id, gid) values ($1, $2)', values);
        }
      };
      // Once more: it may have begun, without a word, on the session that was just cut.
      const { gid } = await tm.transaction(write, { retry: 1 });
      return note('committed', gid);
    } catch (error) {
      return note(
        error instanceof UnanimousError && error.code === 'unknown' ? 'unknown' : 'aborted',
      );
    }
  }

  async #untilSettled({ name }: Lane): Promise<void> {
    const [onlooker] = this.#onlookers as [pg.Pool];
    const areNone = async () => {
      const { rows } = await onlooker.query<{ gid: string }>('select gid from pg_prepared_xacts');
      return !rows.some(({ gid }) => parseBranchId(gid)?.rm.startsWith(`${name}-`));
    };
    const what = `${name} to have nothing prepared`;
    await waitUntil(areNone, { what, intervalMs: 10, timeoutMs: allowedMs('S+Q') });
  }
}

async function openLane(
  parts: InReverse,
  name: string,
  coordinator: string,
  urls: readonly [string, string],
): Promise<Lane> {
  const relay = parts.use(await TcpRelay.start(coordinator));
  const times = { timeoutMs: orderTimeoutMs, scanIntervalMs: boundedScanMs };
  const tm = new TransactionClient({ service: name, address: relay.address, ...times });
  parts.use({ [Symbol.asyncDispose]: () => tm.close() });
  const pools: pg.Pool[] = [];
  for (const [n, connectionString] of urls.entries()) {
    const options = {
      rm: `${name}-${n + 1}`,
      pg,
      connectionString,
      max: 2,
      phaseTwoConnections: 1,
    };
    pools.push((await tm.serve(postgres(options))).pool);
  }
  return { name, relay, tm, pools };
}

type Gids = ReadonlyMap<string, string>;

async function gidsById(pool: pg.Pool): Promise<Gids> {
  const { rows } = await pool.query<{ id: string; gid: string }>('select id, gid from notes');
  return new Map(rows.map(({ id, gid }) => [id, gid]));
}
