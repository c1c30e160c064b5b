import { crc32 } from 'node:zlib';
import type { Batch } from '../record-chain.ts';
import { decodeFrames, type ReadFrame } from '../record-codec.ts';

/** Records as one group of a mirror, which counts whole or not at all, like a transaction. */
export type MirrorGroup = Batch;

/** What could be read of a mirror. */
export interface MirrorContent {
  /** Records of all groups that are whole. */
  readonly frames: readonly ReadFrame[];
  /** The first record of the first group, when that is whole: with it the log is complete. */
  readonly base: ReadFrame | undefined;
  /** Something is damaged before a whole group. After the last one it may be an unfinished write. */
  readonly isBroken: boolean;
}

// A group: magic 4, first seq 6, count 4, length 4, the frames, crc32 of everything before 4. The
// first group of a file has a magic of its own. What follows the last group is zeros.
const magicLength = 4;
const magics = {
  base: Buffer.from('UNB1', 'latin1'),
  more: Buffer.from('UNG1', 'latin1'),
} as const;
const headBytes = 18;
const crcBytes = 4;

/** Bytes of a group; `isBase` for the first of a file. */
export function encodeGroup({ firstSeq, count, bytes }: MirrorGroup, isBase: boolean): Buffer {
  const group = Buffer.allocUnsafe(headBytes + bytes.length + crcBytes);
  (isBase ? magics.base : magics.more).copy(group);
  group.writeUIntBE(firstSeq, 4, 6);
  group.writeUInt32BE(count, 10);
  group.writeUInt32BE(bytes.length, 14);
  bytes.copy(group, headBytes);
  const crcAt = headBytes + bytes.length;
  group.writeUInt32BE(crc32(group.subarray(0, crcAt)), crcAt);
  return group;
}

/** Reads all groups that are whole, wherever they stand. Throws only `log-newer`. */
export function readMirror(bytes: Buffer): MirrorContent {
  const frames: ReadFrame[] = [];
  let base: ReadFrame | undefined;
  let isBroken = false;
  let damaged = false;
  for (let at = 0; at < bytes.length; ) {
    const end = endOfGroup(bytes, at);
    if (end === undefined) {
      damaged = true;
      at = nextMagic(bytes, at + 1);
      continue;
    }
    isBroken ||= damaged;
    const group = decodeFrames(bytes.subarray(at + headBytes, end - crcBytes));
    if (isMagic(bytes, at, magics.base)) base = group[0];
    for (const frame of group) frames.push(frame);
    at = end;
  }
  return { frames, base, isBroken };
}

/** Where the group that begins at `at` ends; undefined when there is no whole one. */
function endOfGroup(bytes: Buffer, at: number): number | undefined {
  if (at + headBytes + crcBytes > bytes.length) return undefined;
  if (!isMagic(bytes, at, magics.base) && !isMagic(bytes, at, magics.more)) return undefined;
  const crcAt = at + headBytes + bytes.readUInt32BE(at + 14);
  if (crcAt + crcBytes > bytes.length) return undefined;
  if (crc32(bytes.subarray(at, crcAt)) !== bytes.readUInt32BE(crcAt)) return undefined;
  return crcAt + crcBytes;
}

function isMagic(bytes: Buffer, at: number, magic: Buffer): boolean {
  return bytes.compare(magic, 0, magicLength, at, at + magicLength) === 0;
}

function nextMagic(bytes: Buffer, from: number): number {
  const found = [magics.base, magics.more].map((magic) => bytes.indexOf(magic, from));
  return Math.min(...found.map((at) => (at < 0 ? bytes.length : at)));
}
