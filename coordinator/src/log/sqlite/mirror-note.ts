import { type EpochTable, epochTableRecord } from '../epoch-table.ts';
import { type FrameContent, parsePayload, type ReadFrame } from '../record-codec.ts';

/** What a log says of its mirror: whether it has one, and since when. */
export interface MirrorNote {
  readonly attached: boolean;
  readonly path: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The records of the engine itself, which compaction and each start write again. */
export function engineRecords(epochs: EpochTable, note: MirrorNote | undefined): FrameContent[] {
  const mirror = note && ({ kind: 'mirror', payload: JSON.stringify(note) } as const);
  return [epochTableRecord(epochs), ...(mirror ? [mirror] : [])];
}

/** What the last such record says; undefined in a log that never had a mirror. */
export function lastMirrorNote(frames: readonly ReadFrame[]): MirrorNote | undefined {
  const last = frames.findLast(({ kind }) => kind === 'mirror');
  if (!last) return undefined;
  const { attached, path, at } = parsePayload(last.payload);
  return { attached: attached === true, path: String(path), at: String(at) };
}
