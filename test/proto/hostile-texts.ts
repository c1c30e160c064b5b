import { fc } from '../support/fast-check.ts';
import { type ErrorCode, UnanimousError } from '../../proto/src/index.ts';

const pieces = ["'", '"', '\\', ';--', '\0', '\n', '\r', '$$', '%27', 'é', '٣', '\u202e', '😀'];

/** Texts that nearly are `good`, and others that are nothing like it. */
export function hostileTexts(good: string): fc.Arbitrary<string> {
  const mutated = fc
    .tuple(
      fc.nat(good.length),
      fc.nat(3),
      fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 70 })),
    )
    .map(([at, removed, inserted]) => good.slice(0, at) + inserted + good.slice(at + removed));
  const alphabet = fc.constantFrom(...good.split(''));
  const shuffled = fc.array(alphabet, { maxLength: 90 }).map((characters) => characters.join(''));
  return fc.oneof(mutated, shuffled, fc.string({ unit: 'binary', maxLength: 300 }));
}

/** What `run` returns, or undefined when it throws the code that it may throw. */
export function attempt<T>(run: () => T, code: ErrorCode): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof UnanimousError && error.code === code) return undefined;
    throw error;
  }
}
