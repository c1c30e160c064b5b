import type { PlacedEffect } from '../logged/effect.ts';
import { type SearchEffect, sourceOf } from './search-document.ts';
import type { SearchFailure } from './search-error.ts';

/** An effect and the version that it writes. */
export interface VersionedEffect extends PlacedEffect<SearchEffect> {
  readonly version: bigint;
}

/**
 * The lines of a bulk request. A removal writes, too: what stands there then keeps its version.
 * With `external_gte` a repeat is a write like the first, so that what it confirms is on disk; a
 * mere conflict could stem from a first one that is not yet.
 */
export function bulkLines(effects: readonly VersionedEffect[], removedAt: Date): string {
  const lines = effects.flatMap(({ effect, version }) => {
    const { index, id } = effect;
    // As text: a number of JavaScript would be rounded.
    const action = { _index: index, _id: id, version: String(version) };
    return [{ index: { ...action, version_type: 'external_gte' } }, sourceOf(effect, removedAt)];
  });
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
}

/** What became of one effect: written, or something newer stands there, or neither. */
export type BulkResult = 'written' | 'newer-stands' | SearchFailure;

/** Reads the answer to a bulk request: one result for each effect, in their order. */
export function bulkResults(answer: unknown): readonly BulkResult[] {
  const { items = [] } = (answer ?? {}) as { readonly items?: readonly BulkItem[] };
  return items.map(({ index: item }): BulkResult => {
    const { status = 0, error } = item ?? {};
    if (status === 409) return 'newer-stands';
    if (status >= 200 && status < 300 && !error) return 'written';
    const [cause] = error?.caused_by?.reason?.split('\n') ?? []; // the rest is about the parser
    const reason = `${error?.reason ?? ''}${cause ? `: ${cause}` : ''}`;
    return { status, type: error?.type ?? '', reason };
  });
}

interface BulkItem {
  readonly index?: {
    readonly status?: number;
    readonly error?: {
      readonly type?: string;
      readonly reason?: string;
      readonly caused_by?: { readonly reason?: string };
    };
  };
}
