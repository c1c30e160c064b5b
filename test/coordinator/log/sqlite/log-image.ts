import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { FrameContent } from '../../../../coordinator/src/log/record-codec.ts';
import type { OnCrashPoint } from '../../../../coordinator/src/log/sqlite/crash-points.ts';
import { listGenerations } from '../../../../coordinator/src/log/sqlite/log-folder.ts';
import { LogStore } from '../../../../coordinator/src/log/sqlite/log-store.ts';
import {
  packLines,
  toLine,
  unpackLines,
} from '../../../../coordinator/src/log/sqlite/pending-record.ts';
import { migrations, schemaVersion } from '../../../../coordinator/src/log/sqlite/schema.ts';
import {
  type StartedLog,
  startLog,
  type StartOptions,
} from '../../../../coordinator/src/log/sqlite/start-log.ts';
import type { LogRecord } from '../../../../coordinator/src/protocol/record.ts';
import { commitDecided, gidOf } from '../log-records.ts';

/** An engine without its thread and its lock: what a crash leaves is what the files hold. */
export interface OpenStore {
  readonly store: LogStore;
  /** Appends one decision in a group of its own, the witness included. */
  decide(counter: number): void;
  /** Appends records in one group, the witness included. */
  append(records: readonly LogRecord[]): void;
  /** One step of compaction over everything, the witness included; true when there is more. */
  compactStep(): boolean;
  /** Gids of all decisions, without their log id, in the order of the log. */
  decisions(): string[];
  close(): void;
}

/** How to start, and who hears of what the start has found. */
export interface OpenStoreOptions extends Partial<StartOptions> {
  readonly onStarted?: (log: StartedLog) => void;
}

/** Starts on a folder, in this thread. */
export function openStore(dir: string, options: OpenStoreOptions = {}): OpenStore {
  mkdirSync(dir, { recursive: true });
  const reached: OnCrashPoint = options.reached ?? (() => {});
  const defaults = { acceptTipLoss: false, schemaVersion, migrations };
  const log = startLog({ ...defaults, ...options, dir, reached });
  options.onStarted?.(log);
  const store = new LogStore(log.path, log, reached);
  const note = () => log.witness.note({ logId: store.logId, ...store.tip });
  return {
    store,
    decide(counter) {
      if (store.tip.epoch === 0) store.becomeActive({ name: 'image', address: '' });
      const record = commitDecided(gidOf(store.logId, store.tip.epoch, counter));
      store.append(unpackLines(packLines([toLine(record)])));
      note();
    },
    append(records) {
      store.append(unpackLines(packLines(records.map(toLine))));
      note();
    },
    compactStep() {
      const { more } = store.compactStep(store.tip.seq);
      note();
      return more;
    },
    decisions: () => store.readNeeded().flatMap(decisionIn),
    close() {
      store.close();
      log.witness.sync();
      log.witness.close();
    },
  };
}

function decisionIn({ kind, payload }: FrameContent): string[] {
  if (kind !== 'commit-decided') return [];
  return [(JSON.parse(payload) as { gid: string }).gid.slice(13)];
}

/** Files of the log as bytes: what stands on the disk after kill -9. */
export interface LogImage {
  readonly database: Buffer;
  readonly wal: Buffer | undefined;
  readonly tip: Buffer | undefined;
}

/** Reads the newest generation of a folder. */
export function readImage(dir: string): LogImage {
  const path = newestDatabase(dir);
  const optional = (file: string) => (existsSync(file) ? readFileSync(file) : undefined);
  return {
    database: readFileSync(path),
    wal: optional(`${path}-wal`),
    tip: optional(join(dir, 'tip')),
  };
}

/** Puts files into an empty folder, as generation 7. */
export function writeImage(dir: string, image: LogImage): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'decisions-7.db'), image.database);
  if (image.wal) writeFileSync(join(dir, 'decisions-7.db-wal'), image.wal);
  if (image.tip) writeFileSync(join(dir, 'tip'), image.tip);
}

/** Copies what a crash would leave of a folder: its files, not its lock. */
export function copyCrashed(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    // Closing a copied lock.db would free the lock of this process.
    if (name !== 'lock.db') copyFileSync(join(from, name), join(to, name));
  }
}

/** Path of the newest generation's database. */
export function newestDatabase(dir: string): string {
  return join(dir, `decisions-${listGenerations(dir).at(-1)}.db`);
}

/** The bytes with one bit changed. */
export function flipBit(bytes: Buffer, at: number, bit = at % 8): Buffer {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
  return flipped;
}
