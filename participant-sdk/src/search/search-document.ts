import { UnanimousError } from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';
import type { PlacedEffect } from '../logged/effect.ts';

/** What is done after the decision, as it stands in the redo payload. */
export interface SearchEffect {
  readonly index: string;
  readonly id: string;
  /** What is indexed; absent for a removal. */
  readonly document?: Readonly<Record<string, unknown>>;
}

/**
 * What stands in the place of a removed document: the time of the removal, in this field. The
 * server would forget a true deletion after a minute (`index.gc_deletes`), or at a restart, and
 * with it that an older write must not come back.
 */
export const removedField = 'unanimous_removed';

/** The query that hides removed documents: the filter of an alias, or of each search. */
export const notRemoved = {
  bool: { must_not: { exists: { field: removedField } } },
} as const;

/**
 * JSON text of an effect. Refuses what the server would refuse after the decision.
 * @throws UnanimousError `invalid-argument` naming the field.
 */
export function searchEffect(index: string, id: string, document?: unknown): string {
  // A name as the server allows it, and of one index: no wildcard, list or date math.
  const isName =
    typeof index === 'string' && /^[^-_+\s"*\\<|,>/?#:][^\s"*\\<|,>/?#:]*$/u.test(index);
  if (!isName || index !== index.toLowerCase() || index === '.' || index === '..') {
    throw invalid('index', `${JSON.stringify(index)} is not the name of one index`);
  }
  if (Buffer.byteLength(index) > 255) throw invalid('index', 'is longer than 255 bytes');
  if (typeof id !== 'string' || id === '') throw invalid('id', 'is not a text');
  if (Buffer.from(id).toString() !== id) throw invalid('id', 'is not well-formed Unicode');
  if (Buffer.byteLength(id) > 512) throw invalid('id', 'is longer than 512 bytes');
  if (arguments.length < 3) return JSON.stringify({ index, id });
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw invalid('document', 'is not an object');
  }
  if (removedField in document) throw invalid(`document.${removedField}`, 'belongs to removals');
  const text = effectText(document, { name: 'document', allowToJson: true });
  if (!text.startsWith('{')) throw invalid('document', 'is not an object in JSON');
  return `${JSON.stringify({ index, id }).slice(0, -1)},"document":${text}}`;
}

/** What is written for an effect: its document, or the stone of a removal. */
export function sourceOf({ document }: SearchEffect, removedAt: Date): object {
  return document ?? { [removedField]: removedAt.toISOString() };
}

/** Splits off what a later effect of the same branch replaces: its document is never sent. */
export function lastOfEach(effects: readonly PlacedEffect<SearchEffect>[]): {
  readonly last: readonly PlacedEffect<SearchEffect>[];
  readonly replaced: readonly PlacedEffect<SearchEffect>[];
} {
  const lasts = new Map<string, PlacedEffect<SearchEffect>>();
  for (const placed of effects) lasts.set(`${placed.effect.index}/${placed.effect.id}`, placed);
  const isLast = (placed: PlacedEffect<SearchEffect>) =>
    lasts.get(`${placed.effect.index}/${placed.effect.id}`) === placed;
  return {
    last: effects.filter(isLast),
    replaced: effects.filter((placed) => !isLast(placed)),
  };
}

function invalid(field: string, what: string): UnanimousError {
  return new UnanimousError('invalid-argument', `${field} ${what}`);
}
