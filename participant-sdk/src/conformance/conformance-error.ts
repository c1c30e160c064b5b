/** What a resource does wrong, and what to mend in it. Thrown by the cases of the kit. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
  /** What was seen, and what it means for a transaction. */
  readonly broken: string;
  /** What to change in the resource, or in what the kit was told of it. */
  readonly mend: string;

  constructor(broken: string, mend: string, cause?: unknown) {
    super(`${broken}\n  Mend: ${mend}`, cause === undefined ? undefined : { cause });
    this.broken = broken;
    this.mend = mend;
  }
}

/**
 * Fails the case unless `isSo`.
 * @throws ConformanceError
 */
export function demand(isSo: boolean, broken: string, mend: string): asserts isSo {
  if (!isSo) throw new ConformanceError(broken, mend);
}

/** What was caught, in a few words. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  return `${error.message.slice(0, 500)}${code}`;
}
