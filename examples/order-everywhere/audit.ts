import type { Place } from './places.ts';

/** What was found in all six places, compared. */
export interface Audit {
  /** Orders that are in each place, once. */
  readonly whole: ReadonlySet<string>;
  /** Sentences about orders that are in some of the places, or somewhere twice. */
  readonly violations: readonly string[];
  /** Branches that are prepared and wait for a decision, in all places. */
  readonly prepared: number;
}

/** Reads what the six servers hold, and compares it. */
export async function audit(places: readonly Place[]): Promise<Audit> {
  const [held, prepared] = await Promise.all([
    Promise.all(places.map((place) => place.orders())),
    Promise.all(places.map((place) => place.prepared())),
  ]);
  const whole = new Set<string>();
  const violations: string[] = [];
  for (const id of new Set(held.flat())) {
    const copies = held.map((ids) => ids.filter((one) => one === id).length);
    const named = (count: (copies: number) => boolean) =>
      places.filter((_, n) => count(copies[n] ?? 0)).map(({ name }) => name);
    const [lacking, doubled] = [named((n) => n === 0), named((n) => n > 1)];
    if (lacking.length > 0) violations.push(`${id} is not in ${lacking.join(', ')}`);
    if (doubled.length > 0) violations.push(`${id} is more than once in ${doubled.join(', ')}`);
    if (lacking.length + doubled.length === 0) whole.add(id);
  }
  return { whole, violations, prepared: prepared.reduce((sum, count) => sum + count, 0) };
}
