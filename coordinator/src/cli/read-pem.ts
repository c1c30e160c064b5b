import { readFileSync } from 'node:fs';
import { UnanimousError } from '@unanimous/proto';

/**
 * Reads a file that a flag names.
 * @throws UnanimousError `invalid-argument` naming the flag.
 */
export function readPem(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UnanimousError('invalid-argument', `${flag}: ${(cause as Error).message}`, { cause });
  }
}
