/** Said for people only: nothing in the protocol depends on it, so states that differ in it are one. */
const spoken = new Set(['reason', 'report', 'message', 'failures', 'cause', 'operator']);

/**
 * One text for all values that behave alike: keys sorted, bytes counted, words for people left out.
 */
function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `#${value.byteLength}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const parts: string[] = [];
  for (const key of Object.keys(value).toSorted()) {
    const inner = (value as Record<string, unknown>)[key];
    if (!spoken.has(key) && inner !== undefined) parts.push(`${key}:${canonical(inner)}`);
  }
  return `{${parts.join(',')}}`;
}

/** Gives equal values one small number, so that a state of the world is a row of numbers. */
export class Interner<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  /** `first` becomes number 0. */
  constructor(first: T) {
    this.id(first);
  }

  get size(): number {
    return this.#values.length;
  }

  /** The number of a value. @throws when a state's 16 bits do not hold it. */
  id(value: T): number {
    const key = canonical(value);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#values.length;
    if (id > 0xffff) throw new Error(`more than 65,536 different values, say ${key}`);
    this.#values.push(value);
    this.#ids.set(key, id);
    return id;
  }

  value(id: number): T {
    return this.#values[id] as T;
  }
}

/** Remembers the results of a pure function of two small numbers. */
export class Memo<R> {
  readonly #rows: (R | undefined)[][] = [];
  readonly #compute: (a: number, b: number) => R;

  constructor(compute: (a: number, b: number) => R) {
    this.#compute = compute;
  }

  get(a: number, b: number): R {
    let row = this.#rows[a];
    if (row === undefined) {
      row = [];
      this.#rows[a] = row;
    }
    const known = row[b];
    if (known !== undefined) return known;
    const made = this.#compute(a, b);
    row[b] = made;
    return made;
  }
}
