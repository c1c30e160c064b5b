import { UnanimousError } from './errors.ts';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Whether it may name a resource manager. */
export function isRmName(name: string): boolean {
  return pattern.test(name);
}

/**
 * Returns the name when it may name a resource manager.
 * @throws UnanimousError `invalid-argument` otherwise.
 */
export function checkRmName(name: string): string {
  if (!isRmName(name)) {
    throw new UnanimousError(
      'invalid-argument',
      `rm: ${JSON.stringify(name.slice(0, 80))} is not a resource manager's name`,
      { hint: 'Use 1 to 64 characters of [A-Za-z0-9._-], the first a letter or digit.' },
    );
  }
  return name;
}
