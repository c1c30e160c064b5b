const initialBytes = 4_096;

/** Writes messages in the format of Protocol Buffers into one buffer that grows. */
export class WireWriter {
  /** Bytes that a text takes at most with tag and length; of a short one a bound is cheaper. */
  static boundOf(text: string): number {
    return 7 + (text.length < 64 ? 3 * text.length : Buffer.byteLength(text));
  }

  #buffer: Buffer;
  #at = 0;

  /** `bytes`: how many to begin with. */
  constructor(bytes = initialBytes) {
    this.#buffer = Buffer.allocUnsafe(bytes);
  }

  /** What was written, without a copy: the writer must not be used again. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** A text that is not empty. */
  text(tag: number, value: string): void {
    const { length } = value;
    this.#room(3 * length);
    this.#varint(tag);
    if (length >= 128 || !this.#shortText(value)) this.#longText(value);
  }

  bytes(tag: number, value: Uint8Array): void {
    const { length } = value;
    this.#room(length);
    this.#varint(tag);
    this.#varint(length);
    this.#buffer.set(value, this.#at);
    this.#at += length;
  }

  uint32(tag: number, value: number): void {
    this.#room(0);
    this.#varint(tag);
    this.#varint(value >>> 0);
  }

  uint64(tag: number, value: number): void {
    this.#room(0);
    this.#varint(tag);
    this.#varint(value);
  }

  bool(tag: number, value: boolean): void {
    this.uint32(tag, value ? 1 : 0);
  }

  /** A member of an enum by its number; zero is what stands where nothing does. */
  word(tag: number, value: number | undefined): void {
    if (value) this.uint32(tag, value);
  }

  /** Begins a message in a message; `close` takes what it returns. */
  open(tag: number): number {
    this.#room(0);
    this.#varint(tag);
    this.#at += 1;
    return this.#at;
  }

  /** Ends a message in a message: one byte was left for its length, which most fit in. */
  close(from: number): void {
    const length = this.#at - from;
    if (length < 128) {
      this.#buffer[from - 1] = length;
      return;
    }
    const more = varintBytes(length) - 1;
    this.#room(more);
    this.#buffer.copyWithin(from + more, from, this.#at);
    this.#at = from - 1;
    this.#varint(length);
    this.#at += length;
  }

  /** A short text byte by byte, which beats a call into the runtime. False: it is not all ASCII. */
  #shortText(value: string): boolean {
    const buffer = this.#buffer;
    const { length } = value;
    const from = this.#at + 1;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 128) return false;
      buffer[from + index] = code;
    }
    buffer[this.#at] = length;
    this.#at = from + length;
    return true;
  }

  #longText(value: string): void {
    const length = Buffer.byteLength(value);
    this.#varint(length);
    this.#at += this.#buffer.write(value, this.#at, length);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#buffer[this.#at++] = (rest % 128) | 128;
      rest = rest > 0x7f_ff_ff_ff ? Math.floor(rest / 128) : rest >>> 7;
    }
    this.#buffer[this.#at++] = rest;
  }

  /** Makes room for so many bytes, a tag and a number. */
  #room(bytes: number): void {
    const needed = this.#at + bytes + 20;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/**
 * Reads messages in the format of Protocol Buffers. Every method throws RangeError at bytes that
 * are no such message; what it returns shares no memory with them.
 */
export class WireReader {
  /** What stands where no bytes do. */
  static readonly noBytes: Buffer = Buffer.alloc(0);

  readonly #buffer: Buffer;
  /** Where the next value stands. */
  at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Where the message in a message ends that begins with its length here. */
  end(): number {
    const length = this.uint32();
    const end = this.at + length;
    if (end > this.#buffer.length) throw endsEarly();
    return end;
  }

  /** A message has been read: its last value must have ended where it does. */
  checkEnd(end: number): void {
    if (this.at !== end) throw endsEarly();
  }

  text(): string {
    const end = this.end();
    const from = this.at;
    this.at = end;
    return end - from > maxKnownLength
      ? this.#buffer.toString('utf8', from, end)
      : knownText(this.#buffer, from, end);
  }

  bytes(): Buffer {
    const end = this.end();
    const from = this.at;
    this.at = end;
    return Buffer.from(this.#buffer.subarray(from, end));
  }

  /** A number; as the format demands, what is longer keeps its lowest 32 bits. */
  uint32(): number {
    const buffer = this.#buffer;
    const first = buffer[this.at];
    if (first !== undefined && first < 128) {
      this.at += 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = buffer[this.at++];
      if (byte === undefined) throw endsEarly();
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new RangeError('a number of more than ten bytes in a frame');
  }

  uint64(name: string): number {
    let value = 0;
    let place = 1;
    for (let index = 0; index < 10; index++, place *= 128) {
      const byte = this.#buffer[this.at++];
      if (byte === undefined) throw endsEarly();
      value += (byte & 127) * place;
      if (byte >= 128) continue;
      if (Number.isSafeInteger(value)) return value;
      break;
    }
    throw new RangeError(`${name}: above 2^53 - 1`);
  }

  /** The member of an enum by its number; its zero where there is none of that number. */
  word<W extends string>(words: readonly [W, ...W[]]): W {
    return words[this.uint32()] ?? words[0];
  }

  bool(): boolean {
    return this.uint32() !== 0;
  }

  /** Passes over the value behind a tag that is not known here. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.uint32();
        return;
      case 1:
        this.at += 8;
        return;
      case 2:
        this.at = this.end();
        return;
      case 5:
        this.at += 4;
        return;
      default:
        throw new RangeError(`wire type ${tag & 7} in a frame`);
    }
  }
}

/** Longer texts are hardly ever the same as one before. */
const maxKnownLength = 40;

/** Short texts that were read last, by what their bytes sum up to. */
const knownTexts = Array.from({ length: 2_048 }, () => '');

/**
 * A short text. The same few, names and ids, come again and again, from frame to frame: to compare
 * one with its bytes costs less than to make it once more, and maps find it without a new hash.
 */
function knownText(buffer: Buffer, from: number, end: number): string {
  let sum = end - from;
  for (let at = from; at < end; at++) sum = (Math.imul(sum, 31) + (buffer[at] as number)) | 0;
  const place = (sum ^ (sum >>> 15)) & (knownTexts.length - 1);
  const known = knownTexts[place] as string;
  if (known.length === end - from && isText(known, buffer, from)) return known;
  const text = buffer.toString('utf8', from, end);
  if (text.length === end - from) knownTexts[place] = text; // so that its characters are its bytes
  return text;
}

function isText(text: string, buffer: Buffer, from: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== buffer[from + index]) return false;
  }
  return true;
}

function endsEarly(): RangeError {
  return new RangeError('a frame ends before its content does');
}
