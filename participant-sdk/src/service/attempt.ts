import { setMaxListeners } from 'node:events';
import { UnanimousError } from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { untilAborted } from '../logged/until-aborted.ts';

/** How long a call may take, and what else ends it. */
export interface AttemptOptions {
  readonly ambient: Ambient;
  readonly rm: string;
  /** Names the call in errors, say `try of ID`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Ends it, too. */
  readonly stop?: AbortSignal;
}

/**
 * One call of a user's function, no longer than its time.
 * @throws UnanimousError `rm-unavailable` when it throws or takes too long; why `stop` fired.
 */
export async function attempt<T>(
  { ambient, rm, what, timeoutMs, stop }: AttemptOptions,
  call: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const end = () => controller.abort(stop?.reason);
  const callOff = ambient.after(timeoutMs, () => {
    const message = `${rm}: ${what} took longer than ${timeoutMs} ms`;
    controller.abort(new UnanimousError('rm-unavailable', message, { rm }));
  });
  // As many as there are calls at once; each takes its own away. Node would warn from the 11th on.
  if (stop) setMaxListeners(0, stop);
  stop?.addEventListener('abort', end, { once: true });
  if (stop?.aborted) end();
  try {
    controller.signal.throwIfAborted();
    const called = (async () => call(controller.signal))(); // what it throws at once is a rejection
    return await untilAborted(called, controller.signal);
  } catch (cause) {
    if (cause instanceof UnanimousError) throw cause;
    const message = `${rm}: ${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new UnanimousError('rm-unavailable', message, { rm, cause });
  } finally {
    callOff();
    stop?.removeEventListener('abort', end);
  }
}
