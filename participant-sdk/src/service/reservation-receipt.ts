import type { ReservedEffect } from './reservation-branch.ts';

/** Longest receipt; the coordinator takes 4,096 characters. */
const maxLength = 4_000;

/**
 * What an abort brings along, to whichever instance it comes: the reservations. Empty where they
 * are too long for it; then they lapse.
 */
export function writeReceipt(reserved: readonly ReservedEffect<unknown>[]): string {
  const text = JSON.stringify(reserved);
  return text.length > maxLength ? '' : text;
}

/** Reads a receipt; whoever made it, a text that is none names nothing. */
export function readReceipt<Reserved>(receipt: string): readonly ReservedEffect<Reserved>[] {
  try {
    const parsed: unknown = JSON.parse(receipt);
    return Array.isArray(parsed) && parsed.every(isEffect) ? parsed : [];
  } catch {
    return [];
  }
}

function isEffect(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'index' in part && 'reserved' in part;
}
