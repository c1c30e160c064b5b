/** Who waits for a signal, behind one listener of ours. */
interface Waiting {
  readonly calls: Set<() => void>;
  readonly fire: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls once when the signal fires; not when it has fired already. What it returns calls that off.
 * One signal may end thousands of transactions: it has one listener of ours, for Node takes eleven on
 * one signal for a leak, and says so on stderr.
 */
export function whenAborted(signal: AbortSignal, call: () => void): () => void {
  const waiting = waitingFor.get(signal) ?? listen(signal);
  const one = (): void => call();
  waiting.calls.add(one);
  return () => {
    if (!waiting.calls.delete(one) || waiting.calls.size > 0) return;
    signal.removeEventListener('abort', waiting.fire);
    waitingFor.delete(signal);
  };
}

function listen(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>();
  const fire = (): void => {
    waitingFor.delete(signal);
    for (const call of calls) call();
    calls.clear();
  };
  const waiting = { calls, fire };
  waitingFor.set(signal, waiting);
  signal.addEventListener('abort', fire, { once: true });
  return waiting;
}
