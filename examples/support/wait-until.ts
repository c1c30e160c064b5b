/** How long to wait, and for what: `what` is the sentence that a timeout prints. */
export interface WaitUntilOptions {
  readonly what: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Polls `condition` until it gives a truthy value and returns that value. Rejects after `timeoutMs`
 * (10 s unless told) with an error that names `what` and carries the condition's last error.
 * A condition that throws counts as "not yet".
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 10_000, intervalMs = 20 }: WaitUntilOptions,
): Promise<NonNullable<T>> {
  const startedMs = performance.now();
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() - startedMs > timeoutMs) {
      throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
