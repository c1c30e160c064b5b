/** Replaces what is not a character (half of a surrogate pair), which headers and UTF-8 refuse. */
export function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/**
 * Text as a header's value: printable ASCII stays, all else is percent-encoded. Text that would take
 * more than `maxBytes` is cut between characters.
 */
export function encodeHeaderText(text: string, maxBytes: number): string {
  let encoded = '';
  for (const character of wellFormed(text)) {
    const isPlain = character >= ' ' && character <= '~' && character !== '%';
    const next = isPlain ? character : encodeURIComponent(character);
    if (encoded.length + next.length > maxBytes) break;
    encoded += next;
  }
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
