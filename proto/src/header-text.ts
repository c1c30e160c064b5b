/** Replaces what is not a character (half of a surrogate pair), which headers and UTF-8 refuse. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** The longest beginning of a text that takes at most `maxBytes` when it is encoded. */
export function cutEncoded(
  text: string,
  maxBytes: number,
  encode: (character: string) => string,
): string {
  let kept = '';
  let bytes = 0;
  for (const character of wellFormed(text)) {
    bytes += encode(character).length;
    if (bytes > maxBytes) break;
    kept += character;
  }
  return kept;
}

/** Text as a header's value: printable ASCII stays, all else is percent-encoded. */
export function encodeHeaderText(text: string): string {
  const encoded = wellFormed(text).replace(/[^ -~]|%/gu, encodeURIComponent);
  // A blank at either end would be trimmed on its way.
  return encoded.replace(/^ | $/g, '%20');
}

/** Reads what `encodeHeaderText` wrote; text that it cannot have written is returned as it is. */
export function decodeHeaderText(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
