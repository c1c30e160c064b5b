import { systemAmbient, within } from '../ambient.ts';
import { ConformanceError } from './conformance-error.ts';

/** How long one call of a resource may take. Generous: a busy machine is no defect. */
const limitMs = 20_000;

/** Waits for a call, but not for ever. @throws ConformanceError that names the call. */
export function bounded<T>(what: string, call: Promise<T>, ms = limitMs): Promise<T> {
  return within(systemAmbient, ms, call, () => {
    throw new ConformanceError(
      `${what} did not settle within ${ms} ms`,
      `let ${what} settle whatever happens: give its requests a time limit, await no lock that ` +
        'another open branch holds, and reject where the answer does not come',
    );
  });
}
