import { closeSync, fdatasyncSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogId } from '@unanimous/proto/vocabulary';
import { syncFolder } from './log-folder.ts';
import { writeFully } from './write-fully.ts';

/** The highest position that anybody was told of, kept beside the log. */
export interface Tip {
  readonly logId: LogId;
  readonly epoch: number;
  readonly seq: number;
  readonly chain: string;
}

// Two slots of 512 bytes, one disk sector, each in a block of its own, used in turn: a torn write
// spoils one of them. Slot: magic 4, log id 6, epoch 6, seq 6, chain 16, crc32 of these 4.
const slotBytes = 512;
const blockBytes = 4096;
const magic = 'UNT1';
const crcAt = 38;

/** Path of the witness in the folder of a log. */
export function tipPath(dir: string): string {
  return join(dir, 'tip');
}

/** Reads a witness; undefined when there is none, or neither slot is whole. */
export function readTip(path: string): Tip | undefined {
  const slots = readSlots(path);
  return slots.toSorted((a, b) => b.seq - a.seq)[0];
}

function readSlots(path: string): Tip[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return [0, blockBytes].flatMap((at) => decodeSlot(bytes.subarray(at, at + slotBytes)) ?? []);
}

function decodeSlot(slot: Buffer): Tip | undefined {
  if (slot.length < slotBytes || slot.toString('latin1', 0, 4) !== magic) return undefined;
  if (slot.readUInt32BE(crcAt) !== crc32(slot.subarray(0, crcAt))) return undefined;
  return {
    logId: slot.toString('hex', 4, 10) as LogId,
    epoch: slot.readUIntBE(10, 6),
    seq: slot.readUIntBE(16, 6),
    chain: slot.toString('hex', 22, crcAt),
  };
}

function encodeSlot(tip: Tip): Buffer {
  const slot = Buffer.alloc(slotBytes);
  slot.write(magic, 0, 'latin1');
  slot.write(tip.logId, 4, 'hex');
  slot.writeUIntBE(tip.epoch, 10, 6);
  slot.writeUIntBE(tip.seq, 16, 6);
  slot.write(tip.chain, 22, 'hex');
  slot.writeUInt32BE(crc32(slot.subarray(0, crcAt)), crcAt);
  return slot;
}

/** The witness of an open log. Its methods throw the error of the file system. */
export class TipWitness {
  readonly #file: number;
  #nextSlot = 0;
  #dirtySinceMs: number | undefined;

  /** Opens the witness for writing, making it when there is none. */
  constructor(dir: string) {
    const path = tipPath(dir);
    // The next write must not spoil the newer slot.
    const newest = readTip(path);
    const inFirst = newest && readSlots(path)[0]?.seq === newest.seq;
    this.#nextSlot = inFirst ? 1 : 0;
    this.#file = openForWriting(path);
    syncFolder(dir);
  }

  /**
   * Notes a durable tip, for a crash of this process; `sync` makes it hold against power loss too.
   * Only after the log's fsync, so that the witness never runs ahead of the log; before any reply,
   * so that nobody was told of more than the witness knows.
   */
  note(tip: Tip): void {
    writeFully(this.#file, encodeSlot(tip), this.#nextSlot * blockBytes);
    this.#nextSlot = 1 - this.#nextSlot;
    this.#dirtySinceMs ??= performance.now();
  }

  /** Milliseconds for which something noted is not synced yet; undefined when all is. */
  get dirtyForMs(): number | undefined {
    return this.#dirtySinceMs === undefined ? undefined : performance.now() - this.#dirtySinceMs;
  }

  /** Makes what was noted durable. */
  sync(): void {
    if (this.#dirtySinceMs === undefined) return;
    fdatasyncSync(this.#file);
    this.#dirtySinceMs = undefined;
  }

  /** Lets the file go. */
  close(): void {
    closeSync(this.#file);
  }
}

function openForWriting(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(path, 'wx+', 0o600);
  }
}
