import { type FrameContent, parsePayload, type ReadFrame } from '../record-codec.ts';

/** What a log says of its mirror: whether it has one, and since when. */
export interface MirrorNote {
  readonly attached: boolean;
  readonly path: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The record that says so; carried through compaction and starts. */
export function mirrorNoteRecord(note: MirrorNote): FrameContent {
  return { kind: 'mirror', payload: JSON.stringify(note) };
}

/** What the last such record says; undefined in a log that never had a mirror. */
export function lastMirrorNote(frames: readonly ReadFrame[]): MirrorNote | undefined {
  const last = frames.findLast(({ kind }) => kind === 'mirror');
  if (!last) return undefined;
  const { attached, path, at } = parsePayload(last.payload);
  return { attached: attached === true, path: String(path), at: String(at) };
}
