import { UnanimousError } from '@unanimous/proto';

/**
 * The redo payload of a logged branch: JSON lines, first `{"redo":1,"effects":N}`, then one line
 * per effect. An old instance must not misread what a newer one voted with, hence the version.
 */
const version = 1;

/** What is in a redo payload besides the effects, in bytes. An upper bound. */
export const redoOverheadBytes = 64;

/** Keeps nothing from one payload to the next. */
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Makes the payload from the JSON texts of the effects. */
export function encodeRedo(effects: readonly string[]): Uint8Array {
  const header = JSON.stringify({ redo: version, effects: effects.length });
  return Buffer.from([header, ...effects].join('\n'));
}

/** A decoded payload, or why it can't be read by anybody. */
export type DecodedRedo = { readonly effects: readonly unknown[] } | { readonly damaged: string };

/**
 * Reads a payload.
 * @throws UnanimousError `unsupported-protocol` when a newer version made it: to be asked again,
 * because an upgraded instance can apply it.
 */
export function decodeRedo(redo: Uint8Array): DecodedRedo {
  let lines: unknown[];
  try {
    lines = decoder
      .decode(redo)
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  } catch (error) {
    return { damaged: `the redo payload is not JSON lines: ${String(error)}` };
  }
  const [header, ...effects] = lines;
  if (!isHeader(header)) return { damaged: 'the redo payload has no header' };
  if (header.redo !== version) {
    const message = `redo version ${header.redo}; this instance reads version ${version}`;
    throw new UnanimousError('unsupported-protocol', message);
  }
  if (header.effects !== effects.length) {
    return { damaged: `the redo payload has ${effects.length} of ${header.effects} effects` };
  }
  return { effects };
}

function isHeader(line: unknown): line is { readonly redo: number; readonly effects?: number } {
  return typeof line === 'object' && line !== null && 'redo' in line && Number(line.redo) > 0;
}
