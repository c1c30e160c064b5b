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

/** A record as bytes see it: its kind, the rest of it as JSON, and what is bytes in it behind that. */
export interface FrameContent {
  readonly kind: FrameKind;
  readonly payload: string;
  /** Redo payloads, in the order of their branches; absent where there are none. */
  readonly redo?: readonly Uint8Array[] | undefined;
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
// length of kind 1, length of JSON 4, length of redo payloads 4, kind, JSON, redo payloads, crc32 of
// everything before 4. Version 1 of the log had no bytes but JSON, redo payloads in it as base64; it
// is still read.
const magics = { '1': magicOf('UNR1'), '2': magicOf('UNR2') } as const;
const headers = { '1': 55, '2': 59 } as const;
const headerBytes = headers['2'];
const magicBytes = 4;
const crcBytes = 4;

/** Bytes of a frame beyond its kind, JSON and redo payloads. */
export const frameOverheadBytes = headerBytes + crcBytes;

/** How many bytes the frame of a content takes. */
export function frameLength({ kind, payload, redo }: FrameContent): number {
  return frameOverheadBytes + kind.length + Buffer.byteLength(payload) + lengthOf(redo);
}

/** How many bytes redo payloads have. */
export function lengthOf(redo: readonly Uint8Array[] = []): number {
  let length = 0;
  for (const { byteLength } of redo) length += byteLength;
  return length;
}

/** Writes a frame into `target` and returns its bytes there. Equal frames have equal bytes. */
export function writeFrame(target: Buffer, at: number, frame: Frame, length: number): Buffer {
  const bytes = target.subarray(at, at + length);
  const crcAt = length - crcBytes;
  const { kind, payload, redo = [], origin } = frame;
  const redoBytes = lengthOf(redo);
  bytes.writeUInt32BE(magics['2'], 0);
  bytes.write(frame.logId, 4, 'hex');
  bytes.writeUIntBE(frame.epoch, 10, 6);
  bytes.writeUIntBE(frame.seq, 16, 6);
  bytes.writeUIntBE(origin.epoch, 22, 6);
  bytes.writeUIntBE(origin.seq, 28, 6);
  bytes.write(frame.prev, 34, 'hex');
  bytes.writeUInt8(kind.length, 50);
  bytes.writeUInt32BE(crcAt - headerBytes - kind.length - redoBytes, 51);
  bytes.writeUInt32BE(redoBytes, 55);
  bytes.write(kind, headerBytes, 'latin1');
  bytes.write(payload, headerBytes + kind.length, 'utf8');
  let redoAt = crcAt - redoBytes;
  for (const part of redo) {
    bytes.set(part, redoAt);
    redoAt += part.byteLength;
  }
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
  const version = versionAt(bytes, at);
  const overheadBytes = headers[version] + crcBytes;
  if (leftBytes < overheadBytes) throw damaged(`${leftBytes} bytes are no record`);
  const redoBytes = version === '1' ? 0 : bytes.readUInt32BE(at + 55);
  const length = overheadBytes + bytes.readUInt8(at + 50) + bytes.readUInt32BE(at + 51) + redoBytes;
  if (length > leftBytes) throw damaged(`a record of ${length} bytes ends after ${leftBytes}`);
  return length;
}

function versionAt(bytes: Buffer, at: number): keyof typeof magics {
  if (bytes.length - at < magicBytes) throw damaged(`${bytes.length - at} bytes are no record`);
  const magic = bytes.readUInt32BE(at);
  if (magic === magics['2']) return '2';
  if (magic === magics['1']) return '1';
  throw damaged('no record begins here');
}

/** As a number: two of them are compared for each record that is read. */
function magicOf(text: string): number {
  return Buffer.from(text, 'latin1').readUInt32BE();
}

function decodeFrame(bytes: Buffer): ReadFrame {
  const crcAt = bytes.length - crcBytes;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32BE(crcAt)) {
    throw damaged('the checksum of a record is wrong');
  }
  const kindAt = headers[versionAt(bytes, 0)];
  const kindEnd = kindAt + bytes.readUInt8(50);
  const payloadEnd = kindEnd + bytes.readUInt32BE(51);
  const seq = bytes.readUIntBE(16, 6);
  return {
    logId: bytes.toString('hex', 4, 10) as LogId,
    epoch: bytes.readUIntBE(10, 6),
    seq,
    origin: { epoch: bytes.readUIntBE(22, 6), seq: bytes.readUIntBE(28, 6) },
    prev: bytes.toString('hex', 34, 50),
    kind: knownKind(bytes.toString('latin1', kindAt, kindEnd), seq),
    payload: bytes.toString('utf8', kindEnd, payloadEnd),
    redo: payloadEnd < crcAt ? [bytes.subarray(payloadEnd, crcAt)] : undefined,
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

/** The kind and JSON of a record, and the redo payloads of its branches as they are, uncopied. */
export function encodeRecord(record: LogRecord): FrameContent {
  const { kind, ...rest } = record;
  const redo: Uint8Array[] = [];
  const store = (branch: DecidedBranch): StoredBranch => {
    if (branch.redo.byteLength > 0) redo.push(branch.redo);
    return { ...branch, redo: branch.redo.byteLength };
  };
  const payload = JSON.stringify({ ...rest, ...storedBranches(record, store) });
  return { kind, payload, redo: redo.length > 0 ? redo : undefined };
}

/** The order in which they stand is that of their payloads. */
function storedBranches(record: LogRecord, store: (branch: DecidedBranch) => StoredBranch): object {
  switch (record.kind) {
    case 'commit-decided':
      return { branches: record.branches.map(store) };
    case 'last-asked':
      return { branch: store(record.branch), others: record.others.map(store) };
    case 'delegated':
    case 'heuristic':
      return { branch: store(record.branch) };
    case 'settled':
    case 'resolved':
    case 'acknowledged':
    case 'ended':
    case 'forgotten':
    case 'rm-registered':
      return {};
  }
}

/**
 * The record that `encodeRecord` made.
 * @throws UnanimousError `log-damaged` when the content is not of that shape.
 */
export function decodeRecord({ kind, payload, redo = [] }: FrameContent): LogRecord {
  const rest = parsePayload(payload);
  const read = branchReader(redo);
  const hasBranch = kind === 'delegated' || kind === 'last-asked' || kind === 'heuristic';
  if (hasBranch) rest['branch'] = read.branch(rest['branch']);
  if (Array.isArray(rest['branches'])) rest['branches'] = rest['branches'].map(read.branch);
  if (Array.isArray(rest['others'])) rest['others'] = rest['others'].map(read.branch);
  read.end();
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

/** Of its redo payload the length. A log of version 1 has the payload itself, as base64. */
type StoredBranch = Omit<DecidedBranch, 'redo'> & { readonly redo: number | string };

/** One for all: most branches have no redo, and a log may hold many of them. */
const nothing = new Uint8Array();

/** Reads branches one after the other, each with its part of the bytes behind the JSON. */
function branchReader(redo: readonly Uint8Array[]): {
  readonly branch: (stored: unknown) => DecidedBranch;
  readonly end: () => void;
} {
  const bytes = redo.length > 1 ? Buffer.concat(redo) : (redo[0] ?? nothing);
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (length === 0) return nothing;
    const part = bytes.subarray(at, at + length);
    at += length;
    return new Uint8Array(part); // a copy, or one branch would keep the bytes of all
  };
  const branch = (value: unknown): DecidedBranch => {
    const stored = value as StoredBranch | undefined;
    const { redo: kept } = stored ?? {};
    if (stored && typeof kept === 'string') return { ...stored, redo: fromBase64(kept) };
    if (stored && Number.isInteger(kept)) return { ...stored, redo: take(kept as number) };
    throw damaged('a branch lacks its redo payload');
  };
  const end = (): void => {
    if (at !== bytes.byteLength) throw damaged('redo payloads are cut, or belong to no branch');
  };
  return { branch, end };
}

function fromBase64(text: string): Uint8Array {
  return text === '' ? nothing : new Uint8Array(Buffer.from(text, 'base64'));
}

function damaged(message: string, cause?: unknown): UnanimousError {
  return new UnanimousError('log-damaged', message, { cause });
}
