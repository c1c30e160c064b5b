import { maxFrameMessages, slice } from './frame-limits.ts';

/** Fields of a frame that hold many messages. */
type Repeated<F> = {
  [K in keyof F]-?: NonNullable<F[K]> extends readonly unknown[] ? K : never;
}[keyof F];

/** Message of a repeated field. */
type MessageOf<F, K extends keyof F> = F[K] extends readonly (infer M)[] ? M : never;

/** What a FrameWriter needs from its owner, and its limits. */
export interface FrameWriterOptions<F> {
  /** Makes an empty frame; its keys stand in ascending field number, as the receiver handles it. */
  readonly newFrame: () => F;
  /** How many bytes a message takes at most, by the field in which it stands. */
  readonly bounds: { readonly [K in Repeated<F>]: (message: MessageOf<F, K>) => number };
  /**
   * Takes a frame. False: taken, but the receiver is slow; nothing more is written until
   * `drained()`. Must not throw. What it adds to this writer leaves in the next turn.
   */
  readonly write: (frame: F) => boolean;
  /** Called when frames were written: there is room again. */
  readonly onWritten?: () => void;
  /** Called once, when more waits than the limits allow. The writer has closed by then. */
  readonly onOverflow: () => void;
  /** Completes a frame just before it is written, say with the log's position. */
  readonly complete?: (frame: F) => void;
  /** Runs `flush` at the end of this turn; setImmediate unless told. */
  readonly schedule?: (flush: () => void) => void;
  /** Most messages of one frame; 1,024 unless told, more than that is refused. */
  readonly maxFrameMessages?: number;
  /** Where a frame is split, in bytes; 512 KiB unless told. A larger message travels alone. */
  readonly maxFrameBytes?: number;
  /** Most messages that may wait; 65,536 unless told. */
  readonly maxWaitingMessages?: number;
  /** Most bytes that may wait; 16 MiB unless told. */
  readonly maxWaitingBytes?: number;
}

/** About as much as a field takes that a frame has once; there are few of them. */
const singleBytes = 512;

/** Position of each field, by what makes the frames: one map for all sessions. */
const fieldsOf = new WeakMap<() => object, ReadonlyMap<PropertyKey, number>>();

/** A frame to which messages are added, with what it holds so far. */
interface OpenFrame<F> {
  readonly frame: F;
  /** Key of the first message that has one, and its field's position in the frame. Often it is alone. */
  firstKey: string;
  firstField: number;
  /** Highest field so far of each other key. */
  lastField: Map<string, number> | undefined;
  messages: number;
  bytes: number;
}

/**
 * Gathers the messages of one turn of the event loop into frames and writes them at its end.
 *
 * Messages of one transaction are handled in the order in which they were added, whatever their
 * kinds: the receiver handles a frame's fields in ascending number, so a message that would
 * overtake an earlier one of its transaction opens a new frame. While the receiver is slow, turns
 * gather in the same frame, up to its limits.
 */
export class FrameWriter<F extends object> {
  readonly #options: FrameWriterOptions<F>;
  readonly #schedule: (flush: () => void) => void;
  readonly #maxFrameMessages: number;
  readonly #maxFrameBytes: number;
  readonly #maxWaitingMessages: number;
  readonly #maxWaitingBytes: number;
  readonly #fieldOf: ReadonlyMap<PropertyKey, number>;
  /** Full frames, oldest first. */
  #sealed: OpenFrame<F>[] = [];
  /** The frame that takes messages; undefined when nothing was said since the last flush. */
  #open: OpenFrame<F> | undefined;
  #waitingMessages = 0;
  #waitingBytes = 0;
  #scheduled = false;
  #held = false;
  #writing = false;
  #closed = false;

  constructor(options: FrameWriterOptions<F>) {
    this.#options = options;
    this.#schedule = options.schedule ?? setImmediate;
    this.#maxFrameMessages = options.maxFrameMessages ?? maxFrameMessages;
    this.#maxFrameBytes = options.maxFrameBytes ?? 512 * 1_024;
    this.#maxWaitingMessages = options.maxWaitingMessages ?? 65_536;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 16 * 1_024 * 1_024;
    this.#fieldOf = fieldsMadeBy(options.newFrame);
  }

  /** Messages that were added and not yet written. Who sends many at once paces himself by it. */
  get waitingMessages(): number {
    return this.#waitingMessages;
  }

  /** Upper bound of the bytes that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** True while the receiver is slow: the last write said so, and `drained()` has not come. */
  get held(): boolean {
    return this.#held;
  }

  /** True after `close()` or an overflow. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Adds a message; it leaves at the end of this turn. `key` names what it must keep its order
   * with: the message's own gid unless told. Tell it where a message has a ref but no gid
   * (`enlisted`, `refusals`) and others of its transaction may follow in the same turn. Does
   * nothing once closed.
   */
  add<K extends Repeated<F>>(kind: K, message: MessageOf<F, K>, key = gidOf(message)): void {
    if (this.#closed) return;
    const bytes = this.#options.bounds[kind](message);
    const open = this.#frameFor(kind, key, bytes);
    (open.frame[kind] as MessageOf<F, K>[]).push(message);
    open.messages += 1;
    open.bytes += bytes;
    this.#waitingMessages += 1;
    this.#waitingBytes += bytes;
    if (
      this.#waitingMessages > this.#maxWaitingMessages ||
      this.#waitingBytes > this.#maxWaitingBytes
    ) {
      this.close();
      this.#options.onOverflow();
    }
  }

  /**
   * Sets a field that a frame has once (`hello`, `welcome`, `draining`) in the frame that is being
   * gathered. Does nothing once closed.
   */
  set<K extends Exclude<keyof F, Repeated<F>>>(kind: K, value: F[K]): void {
    if (this.#closed) return;
    const open = this.#openFrame();
    open.frame[kind] = value;
    open.bytes += singleBytes;
    this.#waitingBytes += singleBytes;
  }

  /** The receiver takes frames again: writes what waits. */
  drained(): void {
    this.#held = false;
    this.flush();
  }

  /** Writes now what waits, as far as the receiver takes it. Needed only before an end. */
  flush(): void {
    if (this.#writing || this.#held) return;
    this.#writing = true;
    let written = 0;
    try {
      this.#seal();
      written = this.#writeSealed();
    } finally {
      this.#writing = false;
    }
    if (written > 0) this.#options.onWritten?.();
  }

  /** Drops what waits and takes no more; idempotent. */
  close(): void {
    this.#closed = true;
    this.#sealed = [];
    this.#open = undefined;
    this.#waitingMessages = 0;
    this.#waitingBytes = 0;
  }

  /** The frame in which a message of this kind, key and size may stand. */
  #frameFor(kind: keyof F, key: string, bytes: number): OpenFrame<F> {
    const field = this.#fieldOf.get(kind) ?? 0;
    const open = this.#openFrame();
    const isFull =
      open.messages > 0 &&
      (open.messages >= this.#maxFrameMessages || open.bytes + bytes > this.#maxFrameBytes);
    const lastField = key === '' ? field : lastFieldOf(open, key);
    const isCrowded = lastField === 0 && isSlice(open);
    const overtakes = lastField > field;
    if (isFull || isCrowded || overtakes) this.#seal();
    const chosen = this.#openFrame();
    if (key !== '') noteField(chosen, key, field);
    return chosen;
  }

  #openFrame(): OpenFrame<F> {
    this.#open ??= {
      frame: this.#options.newFrame(),
      firstKey: '',
      firstField: 0,
      lastField: undefined,
      messages: 0,
      bytes: 0,
    };
    this.#scheduleFlush();
    return this.#open;
  }

  #scheduleFlush(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #seal(): void {
    if (!this.#open) return;
    this.#open.lastField = undefined;
    this.#sealed.push(this.#open);
    this.#open = undefined;
  }

  #writeSealed(): number {
    const frames = this.#sealed;
    let written = 0;
    for (const { frame, messages, bytes } of frames) {
      if (this.#held || this.#closed) break;
      written += 1;
      this.#waitingMessages -= messages;
      this.#waitingBytes -= bytes;
      this.#options.complete?.(frame);
      this.#held = true; // before the write, so that a `drained()` inside it is not overwritten
      if (this.#options.write(frame)) this.#held = false;
    }
    frames.splice(0, written);
    return written;
  }
}

function fieldsMadeBy(newFrame: () => object): ReadonlyMap<PropertyKey, number> {
  const known = fieldsOf.get(newFrame);
  if (known) return known;
  const fields = new Map(Object.keys(newFrame()).map((key, index) => [key, index]));
  fieldsOf.set(newFrame, fields);
  return fields;
}

function isSlice<F>({ messages, firstKey, lastField }: OpenFrame<F>): boolean {
  const transactions = (firstKey === '' ? 0 : 1) + (lastField?.size ?? 0);
  return messages >= slice.messages && transactions >= slice.transactions;
}

/** 0: the frame says nothing of it yet. Field 0 holds no messages. */
function lastFieldOf<F>(open: OpenFrame<F>, key: string): number {
  return (key === open.firstKey ? open.firstField : open.lastField?.get(key)) ?? 0;
}

function noteField<F>(open: OpenFrame<F>, key: string, field: number): void {
  if (open.firstKey === '') open.firstKey = key;
  if (open.firstKey === key) open.firstField = field;
  else {
    open.lastField ??= new Map();
    open.lastField.set(key, field);
  }
}

function gidOf(message: unknown): string {
  const gid = (message as { gid?: unknown }).gid;
  return typeof gid === 'string' ? gid : '';
}
