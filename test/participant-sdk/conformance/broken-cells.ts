import { type DefinedResource, defineResource } from '@unanimous/participant-sdk';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';

/** An effect; without a text it deletes. */
export interface Put {
  readonly key: string;
  readonly text?: string;
}

type Place = readonly [epoch: number, seq: number, index: number];

interface Cell {
  readonly text: string | undefined;
  readonly place: Place;
}

/** What may be wrong with cells in memory that overwrite. */
export interface CellDefects {
  /** Whether the first place is newer than the second. */
  readonly isNewer?: (a: Place, b: Place) => boolean;
  readonly forgetsDeletes?: boolean;
  readonly appliesInCheck?: boolean;
  readonly checksNothing?: boolean;
  readonly longest?: number;
}

/** A plain `defineResource` that overwrites, with a defect. */
export function brokenCells(defects: CellDefects = {}): ConformanceSubject<DefinedResource<Put>> {
  const { isNewer = isHigher, longest = Number.POSITIVE_INFINITY } = defects;
  const cells = new Map<string, Cell>();
  const put = ({ key, text }: Put, place: Place) => {
    const cell = cells.get(key);
    if (cell && !isNewer(place, cell.place)) return;
    if (text === undefined && defects.forgetsDeletes) cells.delete(key);
    else cells.set(key, { text: text?.slice(0, longest), place });
  };
  return {
    kind: 'logged',
    make: (rm) =>
      defineResource<Put>({
        rm,
        check(effect) {
          if (defects.appliesInCheck) put(effect, [0, 0, 0]);
          const isRefused = effect.key === '' && !defects.checksNothing;
          return isRefused ? { refused: 'a cell needs a key' } : undefined;
        },
        apply: (effect, { epoch, seq, index }) => put(effect, [epoch, seq, index]),
      }),
    write: (resource, key, text) => resource.write({ key, text }),
    read: async (key) => [cells.get(key)?.text].filter((text) => text !== undefined),
    fail: (resource) => resource.write({ key: '', text: 'no key' }),
    remove: (resource, key) => resource.write({ key }),
    ordered: true,
  };
}

function isHigher(a: Place, b: Place): boolean {
  const differing = a.findIndex((part, n) => part !== b[n]);
  return differing >= 0 && (a[differing] ?? 0) > (b[differing] ?? 0);
}

/** Lines that append and know effects by id, but forget too many of the ids. */
export function forgetfulLines(): ConformanceSubject<DefinedResource<Put>> {
  const lines: Put[] = [];
  const ids = new Map<string, number>();
  return {
    kind: 'logged',
    make: (rm) =>
      defineResource<Put>({
        rm,
        apply(effect, { id, seq, lowWaterSeq }) {
          for (const [known, at] of ids) if (at <= lowWaterSeq) ids.delete(known);
          if (ids.has(id)) return;
          ids.set(id, seq);
          lines.push(effect);
        },
      }),
    write: (resource, key, text) => resource.write({ key, text }),
    read: async (key) => lines.filter((line) => line.key === key).map(({ text = '' }) => text),
  };
}
