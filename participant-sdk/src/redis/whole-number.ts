import { UnanimousError } from '@unanimous/proto';

/** @throws UnanimousError `invalid-argument` naming the field, unless it is a whole number from `least`. */
export function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  const message = `${name}: ${String(value)} is not a whole number from ${least}`;
  throw new UnanimousError('invalid-argument', message);
}
