import { isRecordKind, parsePayload, type ReadFrame } from '../record-codec.ts';
import type { RetentionKey } from '../retention.ts';

/** What the retention rule looks at in a frame; undefined for the engine's own records. */
export function retentionKey({ kind, payload }: ReadFrame): RetentionKey | undefined {
  if (!isRecordKind(kind)) return undefined;
  const { gid, through } = parsePayload(payload) as Omit<RetentionKey, 'kind'>;
  return { kind, ...(gid && { gid }), ...(through && { through }) };
}
