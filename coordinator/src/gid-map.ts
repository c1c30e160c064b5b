import type { Gid } from '@unanimous/proto/vocabulary';

/** Gids that are alike but for their last two characters. */
interface Row<V> {
  readonly values: (V | undefined)[];
  count: number;
}

/** Places of a row: for two digits, and behind them for the `-` and the one digit of the first gids. */
const places = 110;

/**
 * What is known of each of many transactions. In a map of all gids each look is into memory that no cache
 * has, and to grow it stops everything; those that are born one after the other stand together here.
 */
export class GidMap<V> {
  readonly #rows = new Map<string, Row<V>>();
  #size = 0;

  /** How many have a value. */
  get size(): number {
    return this.#size;
  }

  /** The value of exactly this text; any text may be asked for. */
  get(gid: string): V | undefined {
    return this.#rows.get(headOf(gid))?.values[placeOf(gid)];
  }

  set(gid: Gid, value: V): void {
    const head = headOf(gid);
    let row = this.#rows.get(head);
    if (row === undefined) {
      row = { values: Array.from({ length: places }, () => undefined), count: 0 };
      this.#rows.set(head, row);
    }
    const place = placeOf(gid);
    if (row.values[place] === undefined) {
      row.count += 1;
      this.#size += 1;
    }
    row.values[place] = value;
  }

  delete(gid: Gid): void {
    const head = headOf(gid);
    const row = this.#rows.get(head);
    const place = placeOf(gid);
    if (row?.values[place] === undefined) return;
    row.values[place] = undefined;
    row.count -= 1;
    this.#size -= 1;
    if (row.count === 0) this.#rows.delete(head);
  }

  /** All values: by birth in a row, the rows as they appeared. */
  *values(): Generator<V> {
    for (const { values } of this.#rows.values()) {
      for (const value of values) if (value !== undefined) yield value;
    }
  }

  /** The same gids with other values. */
  map(change: (value: V) => V): GidMap<V> {
    const changed = new GidMap<V>();
    for (const [head, { values, count }] of this.#rows) {
      const others = values.map((value) => (value === undefined ? undefined : change(value)));
      changed.#rows.set(head, { values: others, count });
    }
    changed.#size = this.#size;
    return changed;
  }
}

function headOf(gid: string): string {
  return gid.slice(0, -2);
}

/** Of a text that is no gid, a place at which nothing stands. */
function placeOf(gid: string): number {
  const tens = gid.charCodeAt(gid.length - 2) - zero;
  const ones = gid.charCodeAt(gid.length - 1) - zero;
  if (!(ones >= 0 && ones <= 9)) return -1;
  if (tens === dash) return 100 + ones;
  return tens >= 0 && tens <= 9 ? 10 * tens + ones : -1;
}

const zero = 48; // '0'
const dash = 45 - zero; // '-'
