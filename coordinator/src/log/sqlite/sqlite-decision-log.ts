import { resolve as absolutePath } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import type { DecisionLog, Holder, Incarnation, LogEntry, LogPosition } from '../decision-log.ts';
import type { LogRecord } from '../../protocol/record.ts';
import { decodeRecord } from '../record-codec.ts';
import { spawnWorker } from '../spawn-worker.ts';
import type { PlannedCrash } from './crash-points.ts';
import {
  estimateBytes,
  packLines,
  type RecordLine,
  toLine,
  unpackLines,
} from './pending-record.ts';
import { maxBatchBytes } from './schema.ts';
import { type FromWorker, fromWireError, type Requests } from './worker-messages.ts';
import type { Followed, ToWorker, WireTip, WorkerSettings } from './worker-messages.ts';

/** Where the log lives, and how to open it. */
export interface SqliteLogOptions {
  /** Folder of the log; made when missing. One coordinator at a time. */
  readonly dir: string;
  /** Start although the witness of the tip is lost; log it when you do. */
  readonly acceptTipLoss?: boolean;
  /**
   * A second place for every record: a file, best on another disk. What is damaged in one place comes
   * from the other. A log that has a mirror does not open without it.
   */
  readonly mirror?: string;
  /** Open without the mirror that the log has, from now on; recorded in the log. */
  readonly dropMirror?: boolean;
  /** For tests: stops the engine at one place. */
  readonly crash?: PlannedCrash;
}

/** How long a lazy record waits for an append to ride with. */
const lazyDelayMs = 50;

/** A call of append, on its way. */
interface Call extends Waiting<{ readonly seq: number }> {
  readonly lines: readonly RecordLine[];
}

/** The two ends of a promise. */
interface Waiting<T> {
  readonly resolve: (answer: T) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The default log: SQLite in a worker thread, one fsync for all appends that wait. See DecisionLog
 * for what it promises.
 */
export class SqliteDecisionLog implements DecisionLog {
  readonly #settings: WorkerSettings;
  #worker: Worker | undefined;
  #tip: LogPosition | undefined;
  #repairs: readonly string[] = [];
  #active = false;
  #failure: UnanimousError | undefined;
  #closing: Promise<void> | undefined;
  readonly #failureListeners: ((error: Error) => void)[] = [];

  /** Calls of this turn, not sent yet. */
  #calls: Call[] = [];
  #sendIsDue = false;
  #lazyTimer: NodeJS.Timeout | undefined;
  /** Calls of the messages that were sent and not answered, oldest first. */
  readonly #sent: (readonly Call[])[] = [];
  readonly #requests = new Map<
    number,
    { resolve(answer: unknown): void; reject(error: Error): void }
  >();
  #lastId = 0;
  #onEntries: (entries: readonly LogEntry[]) => void = () => {};

  constructor(options: SqliteLogOptions) {
    const { dir, acceptTipLoss = false, mirror, dropMirror = false, crash } = options;
    if (mirror !== undefined && dropMirror) {
      throw new UnanimousError('invalid-argument', 'mirror and dropMirror exclude each other');
    }
    const path = mirror === undefined ? undefined : absolutePath(mirror);
    this.#settings = { dir, acceptTipLoss, mirror: path, dropMirror, crash };
  }

  /** What `open` found in one place only, the log or its mirror, and wrote into both. */
  get repairs(): readonly string[] {
    return this.#repairs;
  }

  async open(): Promise<{ readonly logId: LogId }> {
    if (this.#worker || this.#closing)
      throw new UnanimousError('closed', 'open() was called before');
    this.#worker = spawnWorker(import.meta.url, 'log-worker', { workerData: this.#settings });
    this.#worker.on('message', (message: FromWorker) => this.#take(message));
    this.#worker.on('error', (error) => this.#fail(ofWorker(error)));
    this.#worker.on('exit', () => this.#fail(ofWorker(new Error('it ended'))));
    try {
      const { logId, tip, repairs } = await this.#request('open', undefined);
      this.#tip = tip;
      this.#repairs = repairs;
      return { logId };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async follow(onEntries: (entries: readonly LogEntry[]) => void): Promise<void> {
    this.#onEntries = onEntries;
    await this.#request('follow', undefined);
  }

  async becomeActive(holder: Holder): Promise<Incarnation> {
    const { incarnation, tip } = await this.#request('becomeActive', holder);
    this.#tip = { ...incarnation, ...tip };
    this.#active = true;
    return incarnation;
  }

  append(records: readonly LogRecord[]): Promise<{ readonly seq: number }> {
    return new Promise((resolve, reject) => {
      this.#checkActive();
      if (records.length === 0) throw new UnanimousError('invalid-argument', 'records: empty');
      this.#calls.push({ lines: records.map(toLine), resolve, reject });
      this.#sendSoon();
    });
  }

  appendLazily(records: readonly LogRecord[]): void {
    this.#checkActive();
    if (records.length === 0) return;
    this.#calls.push({ lines: records.map(toLine), resolve: () => {}, reject: () => {} });
    this.#lazyTimer ??= setTimeout(() => this.#send(), lazyDelayMs);
  }

  tip(): LogPosition {
    if (!this.#tip) throw new UnanimousError('closed', 'the log is not open');
    return this.#tip;
  }

  async holds(position: LogPosition): Promise<boolean> {
    return this.#request('holds', position);
  }

  async compact(): Promise<void> {
    this.#checkActive();
    this.#moveTip(await this.#request('compact', undefined));
  }

  onFailure(listener: (error: Error) => void): void {
    const failure = this.#failure;
    if (failure) queueMicrotask(() => listener(failure));
    else this.#failureListeners.push(listener);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    if (!this.#failure) {
      this.#send();
      await this.#request('close', undefined).catch(() => {});
    }
    await worker.terminate();
  }

  /** Sends when this turn's microtasks have run: what is appended together goes together. */
  #sendSoon(): void {
    if (this.#sendIsDue) return;
    this.#sendIsDue = true;
    queueMicrotask(() => this.#send());
  }

  #send(): void {
    this.#sendIsDue = false;
    clearTimeout(this.#lazyTimer);
    this.#lazyTimer = undefined;
    for (const calls of splitCalls(this.#calls.splice(0))) {
      this.#sent.push(calls);
      const packed = packLines(calls.flatMap(({ lines }) => lines));
      this.#post({ type: 'append', ...packed }, packed.redo ? [packed.redo.buffer] : []);
    }
  }

  #request<W extends keyof Requests>(
    type: W,
    ask: Requests[W]['ask'],
  ): Promise<Requests[W]['answer']> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (!this.#worker || (this.#closing && type !== 'close')) {
      return Promise.reject(new UnanimousError('closed', 'the log is not open'));
    }
    return new Promise((resolve, reject) => {
      const id = (this.#lastId += 1);
      this.#requests.set(id, { resolve, reject });
      this.#send(); // what was appended before goes first
      this.#post({ type, id, ask } as ToWorker);
    });
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #take(message: FromWorker): void {
    if (this.#failure) return;
    switch (message.type) {
      case 'appended':
        this.#moveTip(message.tip);
        this.#settle(message.messageCount, message.seq);
        return;
      case 'followed':
        this.#followed(message);
        return;
      case 'answer':
        this.#takeRequest(message.id)?.resolve(message.answer);
        return;
      case 'refused':
        this.#takeRequest(message.id)?.reject(fromWireError(message.error));
        return;
      case 'failed':
        this.#fail(fromWireError(message.error));
    }
  }

  #followed(followed: Followed): void {
    try {
      this.#onEntries(readEntries(followed));
    } catch (error) {
      this.#fail(UnanimousError.from(error)); // which `follow` hears
    }
  }

  #settle(messageCount: number, firstSeq: number): void {
    let seq = firstSeq;
    for (const calls of this.#sent.splice(0, messageCount)) {
      for (const call of calls) {
        call.resolve({ seq });
        seq += call.lines.length;
      }
    }
  }

  #takeRequest(id: number): Waiting<unknown> | undefined {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    return request;
  }

  #moveTip(tip: WireTip): void {
    if (this.#tip && tip.seq > this.#tip.seq) this.#tip = { ...this.#tip, ...tip };
  }

  /** The end: nothing is known of what was in flight, and nothing is tried again. */
  #fail(error: UnanimousError): void {
    if (this.#failure || (this.#closing && this.#requests.size === 0)) return;
    this.#failure = error;
    clearTimeout(this.#lazyTimer);
    const calls = [...this.#sent.splice(0).flat(), ...this.#calls.splice(0)];
    const waiting = [...calls, ...this.#requests.values()];
    this.#requests.clear();
    for (const call of waiting) call.reject(error);
    for (const listener of this.#failureListeners.splice(0)) listener(error);
  }

  #checkActive(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw new UnanimousError('closed', 'the log was closed');
    if (!this.#active) throw new UnanimousError('not-active', 'becomeActive() was not called');
  }
}

function readEntries({ places, ...packed }: Followed): LogEntry[] {
  return unpackLines(packed).map((content, n) => {
    const [epoch = 0, seq = 0] = places.subarray(2 * n, 2 * n + 2);
    return { epoch, seq, record: decodeRecord(content) };
  });
}

/** The calls, in their order, in groups of about one batch; a larger call is a group of its own. */
function splitCalls(calls: readonly Call[]): Call[][] {
  const groups: Call[][] = [];
  let bytes = Infinity;
  for (const call of calls) {
    const callBytes = call.lines.reduce((sum, line) => sum + estimateBytes(line), 0);
    bytes += callBytes;
    if (bytes > maxBatchBytes) {
      groups.push([]);
      bytes = callBytes;
    }
    groups.at(-1)?.push(call);
  }
  return groups;
}

function ofWorker(error: Error): UnanimousError {
  return new UnanimousError('log-failed', `the thread of the log failed: ${error.message}`, {
    cause: error,
  });
}
