import { crc32 } from 'node:zlib';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import type { LogRecord } from '../protocol/record.ts';
import type { DecisionLog, Holder, Incarnation, LogEntry, LogPosition } from './decision-log.ts';
import { type EpochTable, lastEpoch, reaches } from './epoch-table.ts';
import { chainStart } from './record-codec.ts';
import { isNeeded, newRetention, noteDropped, noteRecord, type Retention } from './retention.ts';

/** What survives a crash of a MemoryDecisionLog. Several engines on one disk fence each other. */
export interface MemoryDisk {
  readonly logId: LogId;
  readonly epochs: EpochTable;
  readonly retention: Retention;
  entries: StoredEntry[];
  end: { readonly epoch: number; readonly seq: number; readonly chain: string };
}

interface StoredEntry extends LogEntry {
  readonly chain: string;
}

/** An empty disk. */
export function newMemoryDisk(logId: LogId): MemoryDisk {
  const end = { epoch: 0, seq: 0, chain: chainStart };
  return { logId, epochs: new Map(), retention: newRetention(), entries: [], end };
}

/** A backup of a disk, or a disk from a backup. */
export function copyMemoryDisk(disk: MemoryDisk): MemoryDisk {
  const { retention } = disk;
  return {
    ...disk,
    epochs: copyMap(disk.epochs),
    retention: { ...retention, transactions: retention.transactions.map((seen) => ({ ...seen })) },
    entries: [...disk.entries], // what stands in one never changes
  };
}

function copyMap<K, V extends object>(map: ReadonlyMap<K, V>): Map<K, V> {
  return new Map(Array.from(map, ([key, value]) => [key, { ...value }]));
}

/** What a simulator decides instead of the machine. */
export interface MemoryLogOptions {
  readonly disk: MemoryDisk;
  /** 16 hexadecimal digits, other ones each time. */
  readonly newNonce: () => string;
  /** Calls back after some time; returns what cancels it. */
  readonly setTimer?: (delayMs: number, callback: () => void) => () => void;
  /** Runs before a group is written: delays it, or fails the log when it rejects. */
  readonly beforeWrite?: () => Promise<void>;
  /** Runs before the log answers whether it holds a position. */
  readonly beforeHolds?: () => Promise<void>;
  /** Runs when a group is written, before anybody is told; the log fails when it rejects. */
  readonly afterWrite?: () => Promise<void>;
  /** How many of a group's appends land before the disk fails; undefined: all do, and it holds. */
  readonly tear?: (appends: number) => number | undefined;
}

const lazyDelayMs = 50;

interface Call {
  readonly records: readonly LogRecord[];
  readonly resolve: (answer: { readonly seq: number }) => void;
  readonly reject: (error: Error) => void;
}

/**
 * An engine for simulators and tests: deterministic, without clock, randomness or threads of its
 * own. Without hooks every append resolves within microtasks.
 */
export class MemoryDecisionLog implements DecisionLog {
  readonly #options: MemoryLogOptions;
  readonly #disk: MemoryDisk;
  #incarnation: Incarnation | undefined;
  /** Where this engine believes the log to end. */
  #end: MemoryDisk['end'] = { epoch: 0, seq: 0, chain: '' };
  #waiting: Call[] = [];
  #writing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #state: 'new' | 'open' | 'failed' | 'closed' | 'crashed' = 'new';
  #failure: UnanimousError | undefined;
  readonly #failureListeners: ((error: Error) => void)[] = [];

  constructor(options: MemoryLogOptions) {
    this.#options = options;
    this.#disk = options.disk;
  }

  async open(): Promise<{ readonly logId: LogId }> {
    this.#state = 'open';
    return { logId: this.#disk.logId };
  }

  async follow(onEntries: (entries: readonly LogEntry[]) => void): Promise<void> {
    this.#checkOpen();
    const { retention, entries } = this.#disk;
    const needed = entries.filter(({ record }) => isNeeded(retention, record));
    onEntries(needed.map(({ epoch, seq, record }) => ({ epoch, seq, record })));
  }

  async becomeActive(_holder: Holder): Promise<Incarnation> {
    this.#checkOpen();
    await this.#flush();
    const disk = this.#disk;
    const epoch = lastEpoch(disk.epochs) + 1;
    const nonce = this.#options.newNonce();
    const { seq, chain } = disk.end;
    disk.end = { epoch, seq: seq + 1, chain: nextChain(chain, nonce) };
    disk.epochs.set(epoch, { nonce, lastSeq: seq + 1 });
    this.#end = disk.end;
    this.#incarnation = { logId: disk.logId, epoch, nonce };
    return this.#incarnation;
  }

  async append(records: readonly LogRecord[]): Promise<{ readonly seq: number }> {
    this.#checkActive();
    if (records.length === 0) throw new UnanimousError('invalid-argument', 'records: empty');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      void this.#flush();
    });
  }

  appendLazily(records: readonly LogRecord[]): void {
    this.#checkActive();
    if (records.length === 0) return;
    this.#waiting.push({ records, resolve: () => {}, reject: () => {} });
    const { setTimer = setRealTimer } = this.#options;
    this.#cancelTimer ??= setTimer(lazyDelayMs, () => void this.#flush());
  }

  /** Appends that have not reached the disk: what a crash may lose or keep, in their order. */
  get inFlight(): number {
    return this.#waiting.length;
  }

  tip(): LogPosition {
    const { logId, epochs } = this.#disk;
    if (this.#incarnation) return { logId, nonce: this.#incarnation.nonce, ...this.#end };
    const epoch = lastEpoch(epochs);
    const { nonce = '', lastSeq: seq = 0 } = epochs.get(epoch) ?? {};
    return { logId, epoch, nonce, seq, chain: '' };
  }

  async holds(position: LogPosition): Promise<boolean> {
    await this.#options.beforeHolds?.();
    this.#checkOpen();
    const { logId, epochs, entries } = this.#disk;
    if (position.logId !== logId || !reaches(epochs, position)) return false;
    const entry = entries.findLast(({ seq }) => seq === position.seq);
    if (!entry) return true;
    return entry.epoch === position.epoch && ['', entry.chain].includes(position.chain);
  }

  async compact(): Promise<void> {
    this.#checkActive();
    await this.#flush();
    this.#checkActive();
    const { retention, entries } = this.#disk;
    const needed: StoredEntry[] = [];
    const dropped: StoredEntry[] = [];
    for (const one of entries) (isNeeded(retention, one.record) ? needed : dropped).push(one);
    for (const { record } of dropped) noteDropped(retention, record);
    this.#disk.entries = needed;
  }

  onFailure(listener: (error: Error) => void): void {
    this.#failureListeners.push(listener);
  }

  async close(): Promise<void> {
    if (this.#state === 'open') await this.#flush();
    if (this.#state === 'open') this.#state = 'closed';
  }

  /**
   * The process dies: what was not written is lost (or, with `inFlight: 'written'`, lands before
   * anybody hears of it; a number: so many of the appends do), no promise is ever settled. Returns a
   * new engine on the same disk.
   */
  crash(inFlight: 'lost' | 'written' | number = 'lost'): MemoryDecisionLog {
    if (this.#state === 'open' && inFlight !== 'lost' && this.#incarnation) {
      this.#writeInFlight(inFlight === 'written' ? this.#waiting.length : inFlight);
    }
    this.#state = 'crashed';
    this.#cancelTimer?.();
    return new MemoryDecisionLog(this.#options);
  }

  #writeInFlight(appends: number): void {
    try {
      this.#write(this.#waiting.slice(0, appends));
    } catch {
      // Fenced: nothing of it lands.
    }
  }

  /** Writes what waits, and what comes to wait meanwhile. Never rejects. */
  #flush(): Promise<void> {
    if (this.#waiting.length === 0) return this.#writing ?? Promise.resolve();
    this.#writing ??= this.#writeWaiting();
    return this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    const { beforeWrite, afterWrite } = this.#options;
    while (this.#waiting.length > 0) {
      let group: Call[] = [];
      try {
        await beforeWrite?.(); // takes a microtask at least, in which other calls join the group
        if (this.#state !== 'open') return;
        this.#cancelTimer?.();
        this.#cancelTimer = undefined;
        group = this.#waiting.splice(0);
        const torn = this.#options.tear?.(group.length);
        let seq = this.#write(torn === undefined ? group : group.slice(0, torn));
        if (torn !== undefined) throw new UnanimousError('log-failed', 'the disk failed');
        await afterWrite?.();
        if (this.#state !== 'open') return;
        for (const { records, resolve } of group) {
          resolve({ seq });
          seq += records.length;
        }
      } catch (error) {
        this.#fail(UnanimousError.from(error, 'log-failed'), group);
      }
    }
    // In the same turn as the last look at what waits, so that no call falls between.
    this.#writing = undefined;
  }

  /** Writes all or none, and returns the seq of the first record. Forced: it survives a crash. */
  #write(calls: readonly Call[]): number {
    const disk = this.#disk;
    const { epoch, seq: lastSeq } = this.#end;
    if (disk.end.epoch !== epoch || disk.end.seq !== lastSeq) {
      throw new UnanimousError('not-active', 'somebody else has written to this log');
    }
    let { seq, chain } = this.#end;
    for (const record of calls.flatMap(({ records }) => records)) {
      seq += 1;
      chain = nextChain(chain, record.kind);
      disk.entries.push({ epoch, seq, record, chain });
      noteRecord(disk.retention, record);
    }
    this.#end = { epoch, seq, chain };
    disk.end = this.#end;
    const entry = disk.epochs.get(epoch);
    if (entry) entry.lastSeq = seq;
    return lastSeq + 1;
  }

  #fail(error: UnanimousError, group: readonly Call[]): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#cancelTimer?.();
    for (const call of [...group, ...this.#waiting.splice(0)]) call.reject(error);
    for (const listener of this.#failureListeners.splice(0)) listener(error);
  }

  #checkOpen(): void {
    if (this.#failure) throw this.#failure;
    if (this.#state !== 'open') throw new UnanimousError('closed', 'the log is not open');
  }

  #checkActive(): void {
    this.#checkOpen();
    if (!this.#incarnation) throw new UnanimousError('not-active', 'becomeActive() was not called');
  }
}

/** Stands in for the hash of the SQLite engine: cheap, and other content gives another one. */
function nextChain(chain: string, content: string): string {
  return crc32(`${chain}${content}`).toString(16).padStart(8, '0').repeat(4);
}

function setRealTimer(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
