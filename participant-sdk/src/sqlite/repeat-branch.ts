import { type FileMark, isUntouched } from './file-mark.ts';
import type { FileWork } from './file-work.ts';
import type { PreparedRow } from './sidecar.ts';

/**
 * Does in `work`, which has the write lock, what a prepared branch did before. Gives why it can't be
 * held to be the same, or undefined.
 */
export function repeatBranch(row: PreparedRow, work: FileWork, now: FileMark): string | undefined {
  if (!isUntouched(row.mark, now)) {
    return 'somebody else may have written to the file since it was prepared';
  }
  try {
    for (const statement of row.statements) work.repeat(statement);
  } catch (error) {
    return `a statement fails now: ${error instanceof Error ? error.message : String(error)}`;
  }
  return work.digest() === row.digest ? undefined : 'its statements do something else now';
}
