import { join } from 'node:path';
import type { Incarnation } from '../../coordinator/src/log/decision-log.ts';
import { commitDecided, ended, gidOf } from '../coordinator/log/log-records.ts';
import { InThreadEngine } from '../coordinator/log/sqlite/in-thread-engine.ts';
import type { Image } from './images.ts';
import type { Promises } from './verdict.ts';

/** What happens to a decision: asked for, acknowledged, about to be ended and forgotten. */
export type Told = (what: 'ask' | 'ack' | 'over', decision: string) => void;

const latest: InThreadEngine[] = [];

/**
 * One life of a log in `dir`, from its start: an epoch, decisions alone and in groups, ends and a mark,
 * compaction, more decisions, and a clean stop. Throws when the log has failed; then it is as dead as
 * after a crash.
 */
export function live(dir: string, told: Told, mirror?: string): void {
  const engine = new InThreadEngine(dir, () => {}, mirror);
  // Not collected before its files were looked at: SQLite would tidy them up.
  latest.splice(0, 1, engine);
  engine.ask('open');
  const active = engine.ask('becomeActive', { name: 'life', address: '' }) as {
    incarnation: Incarnation;
  };
  const { logId, epoch } = active.incarnation;
  let counter = 0;
  const decide = (count: number) => {
    const counters = Array.from({ length: count }, () => (counter += 1));
    for (const n of counters) told('ask', `${epoch}-${n}`);
    engine.append(counters.map((n) => commitDecided(gidOf(logId, epoch, n))));
    for (const n of counters) told('ack', `${epoch}-${n}`);
  };
  decide(1);
  decide(2);
  decide(1);
  told('over', `${epoch}-1`);
  engine.append([ended(gidOf(logId, epoch, 1))]);
  engine.append([{ kind: 'forgotten', through: { epoch, counter: 1 } }]);
  decide(1);
  engine.ask('compact');
  decide(1);
  engine.ask('close');
}

/** What a life begins on: nothing, or what a kill or a clean stop has left. */
export type Beginning = Pick<Image, 'name' | 'files' | 'promises' | 'hasMirror'>;

/** Beginnings with and without a mirror. */
export function beginningsOf(images: readonly Image[]): Beginning[] {
  const names = ['killed', 'closed', 'epochs'];
  const left = images.filter(({ name }) => names.includes(name));
  const nothing = (hasMirror: boolean) => {
    const promises = { acked: [], asked: [] };
    return { name: 'nothing', files: new Map<string, Buffer>(), promises, hasMirror };
  };
  return [nothing(false), nothing(true), ...left].map((beginning) => ({
    ...beginning,
    name: `${beginning.name}${beginning.hasMirror ? ' with a mirror' : ''}`,
  }));
}

/** Path of the mirror in a folder, where there is one. */
export function mirrorIn(dir: string, { hasMirror }: Beginning): string | undefined {
  return hasMirror ? join(dir, 'mirror') : undefined;
}

/** Keeps what was told, and says what it promises. */
export class Ledger {
  readonly #asked: Set<string>;
  readonly #acked: Set<string>;

  constructor({ acked, asked }: Promises = { acked: [], asked: [] }) {
    this.#asked = new Set([...acked, ...asked]);
    this.#acked = new Set(acked);
  }

  readonly told: Told = (what, decision) => {
    this.#asked.add(decision);
    if (what === 'ack') this.#acked.add(decision);
    if (what === 'over') this.#acked.delete(decision);
  };

  /** What has been promised so far. */
  get promises(): Promises {
    return { acked: [...this.#acked], asked: [...this.#asked] };
  }
}
