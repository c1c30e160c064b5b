/** Control characters, and those that turn the direction of what follows. */
// oxlint-disable-next-line no-control-regex -- these are what it is about
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Text of others as it may stand on a terminal: one line, and nothing that a terminal obeys. Names of
 * transactions come from clients, and reasons from participants.
 */
export function safeText(text: string): string {
  return text.replace(unsafe, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
