import { type Birth, compareBirths, type Gid, parseGid } from '@unanimous/proto';
import { expect } from 'vitest';
import type { LogEntry, LogPosition } from '../../coordinator/src/log/decision-log.ts';
import { summary } from '../coordinator/log/log-records.ts';

/** A record as the model knows it. */
interface Known {
  /** What it says, as `summary` puts it. */
  readonly key: string;
  readonly gid: Gid;
  /** Its place, once that was told or seen. */
  seq: number | undefined;
  /** `durable`: it was acknowledged. `open`: nobody knows yet. `gone`: it was absent once. */
  state: 'durable' | 'open' | 'gone';
}

/** What must be in a log, whatever happened to it. */
export class LogModel {
  /** Epochs that were begun, in their order. */
  readonly epochs: number[] = [];
  /** Positions that somebody was told of. */
  readonly told: LogPosition[] = [];
  /** Positions that only a copy came to which is lost. */
  readonly lost: LogPosition[] = [];
  nextCounter = 1;
  /** Something was forgotten since the last compaction. */
  hasToCompact = false;
  readonly #known = new Map<string, Known>();
  #through: Birth = { epoch: 0, counter: 0 };

  /** Gids of decisions that are durable and have not ended. */
  get unended(): Gid[] {
    return this.#durable('commit-decided').filter((gid) => !this.#known.has(endedKey(gid)));
  }

  /** Gids that have ended for all we know. */
  get ended(): Gid[] {
    return this.#durable('ended');
  }

  /** A record was handed over; nobody has answered yet. */
  ask(key: string, gid: Gid): void {
    this.#known.set(key, { key, gid, seq: undefined, state: 'open' });
  }

  /** The log has answered that it is durable; of what is lazy it does not say where. */
  acknowledge(key: string, seq?: number): void {
    Object.assign(this.#known.get(key) as Known, { seq, state: 'durable' });
  }

  /** A mark is durable. */
  forget(through: Birth): void {
    this.hasToCompact = true;
    if (compareBirths(through, this.#through) > 0) this.#through = through;
  }

  /** Gids that have ended and lie below the mark. */
  isForgotten(gid: Gid): boolean {
    const isBelow = compareBirths(parseGid(gid).birth, this.#through) <= 0;
    return isBelow && this.#known.get(endedKey(gid))?.state === 'durable';
  }

  /**
   * Compares with what the log holds. Nothing is in flight: what was handed over is there, or never
   * will be. `isCompact` right after a compaction.
   */
  check(entries: readonly LogEntry[], isCompact = false): void {
    const found = new Map(entries.map((entry) => [summary(entry), entry]));
    const seqs = entries.map(({ seq }) => seq);
    expect(seqs, 'in the order of their places').toEqual(seqs.toSorted((a, b) => a - b));
    expect(new Set(seqs).size, 'each in a place of its own').toBe(seqs.length);
    for (const known of this.#known.values()) this.#checkOne(known, found);
    this.#checkMarks(entries, isCompact);
  }

  #checkOne(known: Known, found: ReadonlyMap<string, LogEntry>): void {
    const { key, gid } = known;
    const entry = found.get(key);
    if (entry) {
      expect(known.state, `${key} must not come back`).not.toBe('gone');
      expect(entry.seq, `${key} keeps its place`).toBe(known.seq ?? entry.seq);
      Object.assign(known, { seq: entry.seq, state: 'durable' });
      return;
    }
    if (known.state === 'durable') {
      expect(this.isForgotten(gid), `${key} was acknowledged and not forgotten`).toBe(true);
    }
    if (key === endedKey(gid)) {
      // Alone, the decision would be carried out again.
      const isBare = found.has(key.replace('ended', 'commit-decided'));
      if (known.state === 'durable') expect(isBare, `${key} went before its decision`).toBe(false);
    }
    // What never became durable may be asked for again.
    if (known.state === 'open') this.#known.delete(key);
    else known.state = 'gone';
  }

  #checkMarks(entries: readonly LogEntry[], isCompact: boolean): void {
    const marks = entries.flatMap(({ record }) =>
      record.kind === 'forgotten' ? [record.through] : [],
    );
    const highest = marks.toSorted(compareBirths).at(-1);
    if (this.#through.epoch > 0) expect(highest, 'the highest mark').toEqual(this.#through);
    if (!isCompact) return;
    const forgotten = entries.flatMap(({ record }) =>
      'gid' in record && this.isForgotten(record.gid) ? [record.gid] : [],
    );
    expect(forgotten, 'what is ended and forgotten goes').toEqual([]);
  }

  #durable(kind: string): Gid[] {
    return [...this.#known.values()]
      .filter(({ key, state }) => key.startsWith(`${kind} `) && state === 'durable')
      .map(({ gid }) => gid);
  }
}

function endedKey(gid: Gid): string {
  return `ended ${gid.slice(13)}`;
}
