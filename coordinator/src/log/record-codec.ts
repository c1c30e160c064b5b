import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import { type DecidedBranch, durability, type LogRecord } from '../protocol/record.ts';

/**
 * Records that only the engine writes and reads: `epoch` begins an epoch, `epochs` carries the
 * table of all epochs through compaction, `mirror` says whether the log has a mirror. They take a
 * seq like any other record.
 */
export type EngineKind = 'epoch' | 'epochs' | 'mirror';

const engineKinds: readonly string[] = ['epoch', 'epochs', 'mirror'] satisfies EngineKind[];

/** Kind of a frame; persisted as this text, never as a number. */
export type FrameKind = LogRecord['kind'] | EngineKind;

/** A record as bytes see it: its kind, and the rest of it as JSON. */
export interface FrameContent {
  readonly kind: FrameKind;
  readonly payload: string;
}

/** One record in its place. `epoch` 0: written by a start-up, before anybody held the log. */
export interface Frame extends FrameContent {
  readonly logId: LogId;
  readonly epoch: number;
  readonly seq: number;
  /** Where the record was first written; differs from epoch and seq when compaction carried it. */
  readonly origin: { readonly epoch: number; readonly seq: number };
  /** Chain hash of the record before. */
  readonly prev: string;
}

/** A frame that was read, with its own chain hash. */
export interface ReadFrame extends Frame {
  readonly chain: string;
}

/** Chain hash before the first record of a log. */
export const chainStart = '0'.repeat(32);

// Big-endian: magic 4, log id 6, epoch 6, seq 6, origin epoch 6, origin seq 6, prev 16,
// length of kind 1, length of payload 4, kind, payload, crc32 of everything before 4.
const magic = Buffer.from('UNR1', 'latin1');
const headerBytes = 55;
const crcBytes = 4;

/** Bytes of a frame beyond its kind and payload. */
export const frameOverheadBytes = headerBytes + crcBytes;

/** How many bytes the frame of a content takes. */
export function frameLength({ kind, payload }: FrameContent): number {
  return frameOverheadBytes + kind.length + Buffer.byteLength(payload);
}

/** Writes a frame into `target` and returns its bytes there. Equal frames have equal bytes. */
export function writeFrame(target: Buffer, at: number, frame: Frame, length: number): Buffer {
  const bytes = target.subarray(at, at + length);
  const crcAt = length - crcBytes;
  const { kind, payload, origin } = frame;
  magic.copy(bytes, 0);
  bytes.write(frame.logId, 4, 'hex');
  bytes.writeUIntBE(frame.epoch, 10, 6);
  bytes.writeUIntBE(frame.seq, 16, 6);
  bytes.writeUIntBE(origin.epoch, 22, 6);
  bytes.writeUIntBE(origin.seq, 28, 6);
  bytes.write(frame.prev, 34, 'hex');
  bytes.writeUInt8(kind.length, 50);
  bytes.writeUInt32BE(crcAt - headerBytes - kind.length, 51);
  bytes.write(kind, headerBytes, 'latin1');
  bytes.write(payload, headerBytes + kind.length, 'utf8');
  bytes.writeUInt32BE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

/**
 * Chain hash of a frame's bytes, 32 hexadecimal digits. The frame holds the hash of the one before,
 * so this hash stands for the whole log up to here.
 */
export function chainOf(frameBytes: Uint8Array): string {
  return hash('sha256', frameBytes, 'hex').slice(0, 32);
}

/**
 * Reads the frames that fill `bytes` from the first to the last byte.
 * @throws UnanimousError `log-damaged` when a byte is not as it was written, `log-newer` for a
 * whole frame of a kind that this version does not know.
 */
export function decodeFrames(bytes: Buffer): ReadFrame[] {
  const frames: ReadFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + storedLength(bytes, at);
    frames.push(decodeFrame(bytes.subarray(at, end)));
    at = end;
  }
  return frames;
}

function storedLength(bytes: Buffer, at: number): number {
  const leftBytes = bytes.length - at;
  if (leftBytes < frameOverheadBytes) throw damaged(`${leftBytes} bytes are no record`);
  if (!bytes.subarray(at, at + magic.length).equals(magic)) throw damaged('no record begins here');
  const length = frameOverheadBytes + bytes.readUInt8(at + 50) + bytes.readUInt32BE(at + 51);
  if (length > leftBytes) throw damaged(`a record of ${length} bytes ends after ${leftBytes}`);
  return length;
}

function decodeFrame(bytes: Buffer): ReadFrame {
  const crcAt = bytes.length - crcBytes;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32BE(crcAt)) {
    throw damaged('the checksum of a record is wrong');
  }
  const kindEnd = headerBytes + bytes.readUInt8(50);
  const seq = bytes.readUIntBE(16, 6);
  return {
    logId: bytes.toString('hex', 4, 10) as LogId,
    epoch: bytes.readUIntBE(10, 6),
    seq,
    origin: { epoch: bytes.readUIntBE(22, 6), seq: bytes.readUIntBE(28, 6) },
    prev: bytes.toString('hex', 34, 50),
    kind: knownKind(bytes.toString('latin1', headerBytes, kindEnd), seq),
    payload: bytes.toString('utf8', kindEnd, crcAt),
    chain: chainOf(bytes),
  };
}

function knownKind(text: string, seq: number): FrameKind {
  if (isRecordKind(text) || isEngineKind(text)) return text;
  throw new UnanimousError('log-newer', `record ${seq} is of the unknown kind ${text}`);
}

function isEngineKind(kind: string): kind is EngineKind {
  return engineKinds.includes(kind);
}

/** Whether a kind is one of LogRecord, not one of the engine's own. */
export function isRecordKind(kind: string): kind is LogRecord['kind'] {
  return Object.hasOwn(durability, kind);
}

/** The kind and JSON of a record; bytes in it as base64. */
export function encodeRecord(record: LogRecord): FrameContent {
  const { kind, ...rest } = record;
  switch (record.kind) {
    case 'commit-decided': {
      const branches = record.branches.map(storeBranch);
      return { kind, payload: JSON.stringify({ ...rest, branches }) };
    }
    case 'last-asked': {
      const { branch, others } = record;
      const stored = { branch: storeBranch(branch), others: others.map(storeBranch) };
      return { kind, payload: JSON.stringify({ ...rest, ...stored }) };
    }
    case 'delegated':
    case 'heuristic':
      return { kind, payload: JSON.stringify({ ...rest, branch: storeBranch(record.branch) }) };
    case 'settled':
    case 'resolved':
    case 'ended':
    case 'forgotten':
    case 'rm-registered':
      return { kind, payload: JSON.stringify(rest) };
  }
}

/**
 * The record that `encodeRecord` made.
 * @throws UnanimousError `log-damaged` when the content is not of that shape.
 */
export function decodeRecord({ kind, payload }: FrameContent): LogRecord {
  const rest = parsePayload(payload);
  if (Array.isArray(rest['branches'])) rest['branches'] = rest['branches'].map(readBranch);
  if (Array.isArray(rest['others'])) rest['others'] = rest['others'].map(readBranch);
  const hasBranch = kind === 'delegated' || kind === 'last-asked' || kind === 'heuristic';
  if (hasBranch) rest['branch'] = readBranch(rest['branch']);
  return { kind, ...rest } as LogRecord;
}

/**
 * Parses the JSON object of a payload.
 * @throws UnanimousError `log-damaged` when it is none.
 */
export function parsePayload(payload: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw damaged('the content of a record is not JSON', error);
  }
  throw damaged('the content of a record is not an object');
}

type StoredBranch = Omit<DecidedBranch, 'redo'> & { readonly redo: string };

function storeBranch(branch: DecidedBranch): StoredBranch {
  const { buffer, byteOffset, byteLength } = branch.redo;
  const redo = byteLength && Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  return { ...branch, redo: redo || '' };
}

/** One for all: most branches have no redo, and a log may hold many of them. */
const nothing = new Uint8Array();

function readBranch(stored: unknown): DecidedBranch {
  const branch = stored as StoredBranch | undefined;
  if (typeof branch?.redo !== 'string') throw damaged('a branch lacks its redo payload');
  if (branch.redo === '') return { ...branch, redo: nothing };
  return { ...branch, redo: new Uint8Array(Buffer.from(branch.redo, 'base64')) };
}

function damaged(message: string, cause?: unknown): UnanimousError {
  return new UnanimousError('log-damaged', message, { cause });
}
