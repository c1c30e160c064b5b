import { UnanimousError } from '@unanimous/proto';

/** Which call of a port fails. */
export interface PortFault {
  readonly method: string;
  /** The n-th call of the method, counted over all objects of the port. */
  readonly n: number;
  /** `before` it has done anything, or `after` all was done. */
  readonly when: 'before' | 'after';
  readonly times: 'once' | 'ever';
}

/** Carries out a fault, and tells whether it has struck. */
export class FaultPlan {
  readonly #fault: PortFault;
  #count = 0;
  #isMended = false;

  constructor(fault: PortFault) {
    this.#fault = fault;
  }

  /** From now on nothing fails any more. */
  mend(): void {
    this.#isMended = true;
  }

  /** Whether there were so many calls of the method. */
  get hasFired(): boolean {
    return this.#count >= this.#fault.n;
  }

  /** The same object, but one of its calls fails; `onFailure` does what else happens then. */
  over<T extends object>(target: T, onFailure: () => unknown = () => {}): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
        return name === this.#fault.method
          ? (...args: unknown[]) => this.#call(call, args, onFailure)
          : call;
      },
    });
  }

  #call(call: (...args: unknown[]) => unknown, args: unknown[], onFailure: () => unknown): unknown {
    if (this.#isMended) return call(...args);
    const { method, n, when, times } = this.#fault;
    this.#count += 1;
    const strikes = this.#count === n || (times === 'ever' && this.#count > n);
    if (!strikes) return call(...args);
    const error = new UnanimousError('log-failed', `planned: ${method} ${n} ${when}`);
    if (when === 'before') {
      if (method === 'appendLazily') throw error;
      return Promise.resolve(onFailure()).then(() => Promise.reject(error));
    }
    const result = call(...args);
    if (!(result instanceof Promise)) throw error;
    return result.then(() => {
      throw error;
    });
  }
}

const atOnce = 6;

/**
 * Lives with every fault of a method: n = 1, 2, … until none strikes any more. `live` says whether
 * its fault has struck. Returns how many have.
 */
export async function strikeEach(
  method: string,
  live: (fault: PortFault) => Promise<boolean>,
): Promise<number> {
  const strike = async (when: PortFault['when'], times: PortFault['times']): Promise<number> => {
    for (let from = 1; ; from += atOnce) {
      const faults = Array.from({ length: atOnce }, (_, k) => ({
        method,
        n: from + k,
        when,
        times,
      }));
      const struck = await Promise.all(faults.map(live));
      if (struck.includes(false)) return from - 1 + struck.filter(Boolean).length;
    }
  };
  const kinds = (['before', 'after'] as const).flatMap((when) =>
    (['once', 'ever'] as const).map((times) => strike(when, times)),
  );
  return (await Promise.all(kinds)).reduce((sum, count) => sum + count, 0);
}
