/**
 * Upper bound of what a message's fields take on the wire, in bytes. Cheap enough for each message:
 * frames are split by it, well below the size that a receiver refuses.
 */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return 7 + textBytes(value);
  if (typeof value === 'number') return value < 128 ? 3 : 12;
  if (typeof value === 'boolean') return 3;
  if (value === null || value === undefined) return 0;
  if (value instanceof Uint8Array) return 7 + value.byteLength;
  let bytes = 7;
  // Not Object.values: this runs for every message, and that makes an array for each.
  for (const name in value) bytes += estimateBytes((value as Record<string, unknown>)[name]);
  return bytes;
}

/** Most texts are short ids, for which a bound costs less than a count. */
function textBytes(text: string): number {
  return text.length < 64 ? 3 * text.length : Buffer.byteLength(text);
}
