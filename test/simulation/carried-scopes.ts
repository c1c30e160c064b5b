import { keepScopesIn, type Scope } from '../../participant-sdk/src/participant/scope.ts';

let now: Scope | undefined;

function runIn<T>(scope: Scope | undefined, fn: () => T): T {
  const before = now;
  now = scope;
  try {
    return fn();
  } finally {
    now = before;
  }
}

// AsyncLocalStorage gives every promise of the process three hooks on Node 20. Users' code here says
// itself what goes on in its scope; who forgets to has no transaction, and fails at once.
keepScopesIn({ getStore: () => now, run: runIn });

/** Runs what comes after an await in the scope in which it was called. */
export type Carry = <T>(work: () => T) => T;

/** Takes hold of the caller's scope. */
export function carryScope(): Carry {
  const scope = now;
  return (work) => runIn(scope, work);
}
