import { UnanimousError } from '@unanimous/proto';
import { defaultLimits, type Limits } from './limits.ts';

/**
 * Completes limits with the defaults.
 * @throws UnanimousError `invalid-argument` naming the field that is not a positive whole number.
 */
export function checkLimits(wanted: Partial<Limits>): Limits {
  const limits = { ...defaultLimits, ...wanted };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 2 ** 31 - 1) {
      throw new UnanimousError('invalid-argument', `${name}: ${value} is not a positive number`);
    }
  }
  return limits;
}
