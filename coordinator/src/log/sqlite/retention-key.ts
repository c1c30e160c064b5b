import type { Gid } from '@unanimous/proto/vocabulary';
import { isRecordKind, parsePayload, type ReadFrame } from '../record-codec.ts';
import type { RetentionKey } from '../retention.ts';

const gidFirst = '{"gid":"';

/** What the retention rule looks at in a frame; undefined for the engine's own records. */
export function retentionKey({ kind, payload }: ReadFrame): RetentionKey | undefined {
  if (!isRecordKind(kind)) return undefined;
  // Where the gid stands first nothing else counts, and a start need not parse all that it reads.
  if (payload.startsWith(gidFirst)) {
    return {
      kind,
      gid: payload.slice(gidFirst.length, payload.indexOf('"', gidFirst.length)) as Gid,
    };
  }
  const { gid, through } = parsePayload(payload) as Omit<RetentionKey, 'kind'>;
  return { kind, ...(gid && { gid }), ...(through && { through }) };
}
