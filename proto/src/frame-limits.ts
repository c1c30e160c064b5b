/** Most messages of one frame, for sender and receiver. */
export const maxFrameMessages = 1_024;

/**
 * A frame that has so many messages, of so many transactions, takes no further transaction. A crowd that
 * travels in one frame is handled by one thread after the other, while the others wait; in slices they
 * all have work at the same time. Smaller ones cost more writes, and more forced writes of the log, than
 * they gain.
 */
export const slice = { messages: 128, transactions: 64 } as const;

/** Most fields of all messages of a frame that hold messages themselves. */
const maxInnerFields = 32_768;

/** Room for the fields that a frame has once, those of later versions included. */
const maxSingleFields = 64;

const varintType = 0;
const bytesType = 2;

/**
 * Refuses a frame with too many messages before anything of it is decoded: half a million empty
 * messages fit in 1 MiB, and decoding them stops the event loop for more than a second. So that
 * nothing hides, it also refuses what the decoder would read otherwise than it is read here: a
 * known field of another type, groups, and numbers that are longer than they may be.
 * @param varints Numbers of the frame's fields that are no messages.
 * @param last The frame's highest field number.
 * @param nesting Numbers of the frame's fields whose messages hold any number of messages.
 * @throws RangeError
 */
export function checkFrame(
  bytes: Uint8Array,
  varints: ReadonlySet<number>,
  last: number,
  nesting: ReadonlySet<number> = new Set(),
): void {
  const cursor = { bytes, at: 0 };
  let fields = 0;
  let innerFields = 0;
  while (cursor.at < bytes.length) {
    if (++fields > maxFrameMessages + maxSingleFields) {
      throw new RangeError(`more than ${maxFrameMessages} messages in a frame`);
    }
    const tag = readUint32(cursor);
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (number <= last && wireType !== (varints.has(number) ? varintType : bytesType)) {
      throw new RangeError(`wire type ${wireType} of field ${number} in a frame`);
    }
    if (wireType !== bytesType && wireType !== varintType) {
      throw new RangeError(`wire type ${wireType} in a frame`);
    }
    const value = readUint32(cursor);
    if (wireType !== bytesType) continue;
    const end = Math.min(cursor.at + value, bytes.length);
    if (nesting.has(number)) innerFields += countFields(cursor, end);
    if (innerFields > maxInnerFields) {
      throw new RangeError(`more than ${maxInnerFields} fields in the messages of a frame`);
    }
    cursor.at += value;
  }
}

/** How many fields a message has; the decoder checks what is in them. */
function countFields(
  { bytes, at }: { readonly bytes: Uint8Array; readonly at: number },
  end: number,
) {
  const cursor = { bytes, at };
  let fields = 0;
  while (cursor.at < end) {
    const wireType = readUint32(cursor) & 7;
    const value = readUint32(cursor);
    if (wireType === bytesType) cursor.at += value;
    fields += 1;
  }
  return fields;
}

/** Reads a varint of at most 32 bits. Past the end stand zeros: the decoder will notice. */
function readUint32(cursor: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let place = 1; place <= 2 ** 28; place *= 128) {
    const byte = cursor.bytes[cursor.at++] ?? 0;
    value += (byte & 127) * place;
    if (byte < 128 && value <= 0xff_ff_ff_ff) return value;
  }
  throw new RangeError('a number above 2^32 - 1 in a frame');
}
