import { UnanimousError } from '@unanimous/proto/vocabulary';
import type { LogPosition } from '../decision-log.ts';
import { lastEpoch } from '../epoch-table.ts';
import { countUnneeded, type Retention } from '../retention.ts';
import type { OnCrashPoint } from './crash-points.ts';
import type { FileForcer } from './file-forcer.ts';
import { type FolderLock, lockFolder, prepareFolder } from './log-folder.ts';
import type { KeptRecord } from '../record-chain.ts';
import { LogStore } from './log-store.ts';
import {
  estimateBytes,
  lineOf,
  type PackedLines,
  packLines,
  type RecordLine,
  unpackLines,
} from './pending-record.ts';
import { maxBatchBytes, migrations, schemaVersion } from './schema.ts';
import { type StartedLog, startLog } from './start-log.ts';
import type { TipWitness } from './tip-witness.ts';
import { type FromWorker, type Requests, toWireError } from './worker-messages.ts';
import type { ToWorker, WireTip, WorkerSettings } from './worker-messages.ts';

/** How the engine speaks with the thread that asks. */
export interface EnginePort {
  /** The bytes behind `transfer` are the receiver's from then on. */
  send(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  /** The next message that already waits, if any. */
  receive(): ToWorker | undefined;
  /** Hears no more; lets the thread end. */
  end(): void;
}

/** How long the witness may stay in the page cache only. */
const witnessDelayMs = 50;

/** So many records are compacted whatever it costs; about a step. */
const fewRecords = 1_024;

/** An open log with all that belongs to it. */
interface Opened {
  readonly store: LogStore;
  readonly witness: TipWitness;
  readonly lock: FolderLock;
  readonly retention: Retention;
}

/** A compaction that is under way, with the requests that wait for it. */
interface Compaction {
  readonly untilSeq: number;
  unneededCount: number;
  /** A step has been made. */
  hasBegun: boolean;
  /** Most of what the last step read was needed no more. */
  isCheap: boolean;
  readonly ids: number[];
}

/** What runs in the worker thread: takes messages, groups appends, answers. */
export class LogEngine {
  readonly #settings: WorkerSettings;
  readonly #port: EnginePort;
  readonly #reached: OnCrashPoint;
  readonly #newForcer: (() => FileForcer) | undefined;
  #opened: Opened | undefined;
  #failed = false;
  #compaction: Compaction | undefined;
  #witnessTimer: NodeJS.Timeout | undefined;

  constructor(
    settings: WorkerSettings,
    port: EnginePort,
    reached: OnCrashPoint,
    newForcer?: () => FileForcer,
  ) {
    this.#settings = settings;
    this.#port = port;
    this.#reached = reached;
    this.#newForcer = newForcer;
  }

  /** Takes one message, and with it the appends that already wait behind it. */
  take(first: ToWorker): void {
    let message: ToWorker | undefined = first;
    while (message && !this.#failed) {
      message = message.type === 'append' ? this.#takeAppends(message) : this.#serve(message);
    }
  }

  /** Returns the message that ended the group, when there is one. */
  #takeAppends(first: PackedLines): ToWorker | undefined {
    const waiting = [first];
    let bytes = sizeOf(first);
    let next: ToWorker | undefined;
    while (bytes < maxBatchBytes) {
      next = this.#port.receive();
      if (next?.type !== 'append') break;
      waiting.push(next);
      bytes += sizeOf(next);
      next = undefined;
    }
    this.#guard(() => {
      const { store } = this.#open;
      this.#reached('append.before-write');
      const seq = store.append(waiting.flatMap(unpackLines));
      this.#witness();
      // If we crash here, the client hears nothing, asks again, and finds the decision.
      this.#reached('append.before-reply');
      this.#port.send({ type: 'appended', messageCount: waiting.length, seq, tip: wireTip(store) });
    });
    return next;
  }

  #serve(request: Exclude<ToWorker, { type: 'append' }>): undefined {
    if (request.type === 'open') this.#start(request.id);
    else if (request.type === 'close') this.#stop(request.id);
    else if (request.type === 'compact') this.#compact(request.id);
    else this.#guard(() => this.#answer(request.id, this.#work(request)));
  }

  #work(
    request: Extract<ToWorker, { type: 'follow' | 'becomeActive' | 'holds' }>,
  ): Requests[typeof request.type]['answer'] {
    const { store } = this.#open;
    switch (request.type) {
      case 'follow': {
        this.#sendFollowed(store.readNeeded());
        return undefined;
      }
      case 'holds':
        return store.holds(request.ask);
      case 'becomeActive': {
        const incarnation = store.becomeActive(request.ask);
        this.#witness();
        return { incarnation, tip: wireTip(store) };
      }
    }
  }

  /** In steps: who asked takes in the first while the next are on their way. */
  #sendFollowed(records: readonly KeptRecord[]): void {
    for (let from = 0; from < records.length; ) {
      let bytes = 0;
      const lines: RecordLine[] = [];
      const places: number[] = [];
      for (; from < records.length && bytes < maxBatchBytes; from++) {
        const record = records[from] as KeptRecord;
        const line = lineOf(record);
        lines.push(line);
        places.push(record.origin.epoch, record.origin.seq);
        bytes += estimateBytes(line);
      }
      const packed = packLines(lines);
      const transfer = packed.redo ? [packed.redo.buffer] : [];
      this.#port.send({ type: 'followed', ...packed, places: new Float64Array(places) }, transfer);
    }
  }

  #start(id: number): void {
    const { dir, acceptTipLoss, mirror, dropMirror } = this.#settings;
    let lock: FolderLock | undefined;
    try {
      prepareFolder(dir);
      lock = lockFolder(dir);
      const reached = this.#reached;
      const newForcer = this.#newForcer;
      const how = { schemaVersion, migrations, reached, newForcer };
      const log = startLog({ ...how, dir, acceptTipLoss, mirror, dropMirror });
      const tip = startedTip(log);
      const store = new LogStore(log.path, log, reached);
      this.#opened = { store, witness: log.witness, lock, retention: log.retention };
      const answer = { logId: tip.logId, tip, repairs: log.repairs };
      this.#answer(id, answer satisfies Requests['open']['answer']);
    } catch (error) {
      lock?.release();
      this.#port.send({ type: 'refused', id, error: toWireError(error, dir) });
    }
  }

  /** Compacts in steps, so that appends wait for one step at most. */
  #compact(id: number): void {
    if (this.#compaction) {
      this.#compaction.ids.push(id);
      return;
    }
    this.#guard(() => {
      const { store, retention } = this.#open;
      const unneededCount = countUnneeded(retention);
      const untilSeq = store.tip.seq;
      const none = { hasBegun: false, isCheap: false };
      this.#compaction = { untilSeq, unneededCount, ...none, ids: [id] };
      this.#compactOn();
    });
  }

  #compactOn(): void {
    const { store } = this.#open;
    const compaction = this.#compaction;
    if (!compaction) return;
    let more = isWorthwhile(compaction, store.countThrough(compaction.untilSeq));
    if (more) {
      const step = store.compactStep(compaction.untilSeq);
      this.#witness();
      compaction.hasBegun = true;
      compaction.unneededCount -= step.droppedCount;
      compaction.isCheap = 2 * step.droppedCount >= step.readCount;
      more = step.more;
    }
    if (more) {
      setImmediate(() => this.#opened && this.#guard(() => this.#compactOn()));
      return;
    }
    this.#endCompaction();
  }

  #endCompaction(): void {
    const compaction = this.#compaction;
    this.#compaction = undefined;
    if (!compaction) return;
    const { store } = this.#open;
    // Both take a while, for which every append waits.
    if (compaction.hasBegun) {
      // If we crash here, the WAL holds what the database does not; the next start reads both.
      this.#reached('compact.before-checkpoint');
      store.checkpoint();
      store.shrinkMirror();
    }
    for (const id of compaction.ids) this.#answer(id, wireTip(store));
  }

  #stop(id: number): void {
    this.#guard(() => {
      if (this.#opened) {
        const { store, witness, lock } = this.#opened;
        this.#endCompaction();
        clearTimeout(this.#witnessTimer);
        store.close();
        witness.sync();
        witness.close();
        lock.release();
        this.#opened = undefined;
      }
      this.#answer(id, undefined);
      this.#port.end();
    });
  }

  /** Notes the tip; the disk has it within 50 ms, without anybody waiting for it. */
  #witness(): void {
    const { store, witness } = this.#open;
    // If we crash here, the witness is behind the log, which is no contradiction.
    this.#reached('append.before-tip');
    witness.note({ logId: store.logId, ...store.tip });
    // Under load timers come late, so the time is looked at here too.
    if ((witness.dirtyForMs ?? 0) >= witnessDelayMs) witness.sync();
    this.#witnessTimer ??= setTimeout(() => {
      this.#witnessTimer = undefined;
      if (this.#opened) this.#guard(() => witness.sync());
    }, witnessDelayMs);
  }

  get #open(): Opened {
    if (!this.#opened) throw new UnanimousError('closed', 'the log is not open');
    return this.#opened;
  }

  /**
   * Runs work on the log. Any error is the end: what is on the disk is not known any more, so
   * nothing is tried again, nothing is closed in order, and no further message is heard.
   */
  #guard(work: () => void): void {
    if (this.#failed) return;
    try {
      work();
    } catch (error) {
      this.#failed = true;
      clearTimeout(this.#witnessTimer);
      this.#port.send({ type: 'failed', error: toWireError(error, this.#settings.dir) });
    }
  }

  #answer(id: number, answer: unknown): void {
    this.#port.send({ type: 'answer', id, answer });
  }
}

/**
 * What is needed is written again to drop what stands behind it, so little of that waits for more: a
 * mark that another has replaced stands behind all whose outcome can be asked for.
 */
function isWorthwhile({ unneededCount, isCheap }: Compaction, recordCount: number): boolean {
  if (unneededCount <= 0) return false;
  return isCheap || recordCount <= fewRecords || unneededCount >= recordCount / 8;
}

function sizeOf({ lines, redo }: PackedLines): number {
  return lines.length + (redo?.byteLength ?? 0);
}

function wireTip(store: LogStore): WireTip {
  const { seq, chain } = store.tip;
  return { seq, chain };
}

/** The position that was reached before this start: the end of the last epoch. */
function startedTip({ epochs, end: { logId } }: StartedLog): LogPosition {
  const epoch = lastEpoch(epochs);
  const { nonce = '', lastSeq: seq = 0 } = epochs.get(epoch) ?? {};
  return { logId, epoch, nonce, seq, chain: '' };
}
