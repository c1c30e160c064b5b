import { writeSync } from 'node:fs';

/**
 * Writes all bytes at a place of a file. A short write is gone on with, so that what stopped it (a
 * full disk, a limit) shows as the error of the next one.
 */
export function writeFully(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, at + done);
  }
}
