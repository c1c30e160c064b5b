import { UnanimousError } from '@unanimous/proto';

/** How strict `effectText` is. */
export interface EffectTextOptions {
  /** Names the value in errors, say `effect`. */
  readonly name: string;
  /**
   * True lets a value with `toJSON`, a Date say, become what JSON makes of it. Right where the
   * reader expects JSON anyway; wrong where the same type is read back after a crash.
   */
  readonly allowToJson: boolean;
}

/**
 * JSON text of a value, made at once so that later changes to the value don't count. Refuses what
 * JSON would change without a word (a Map becomes `{}`, NaN becomes null), because the difference
 * would show after the decision, when nothing can be refused any more.
 * @throws UnanimousError `invalid-argument` naming the place.
 */
export function effectText(value: unknown, { name, allowToJson }: EffectTextOptions): string {
  const ancestors = new Set<object>();
  check(value, name);
  return JSON.stringify(value);

  function check(part: unknown, path: string): void {
    if (part === null || typeof part === 'string' || typeof part === 'boolean') return;
    if (typeof part === 'number' && Number.isFinite(part)) return;
    if (typeof part !== 'object') throw notJson(path, describe(part));
    if (allowToJson && 'toJSON' in part && typeof part.toJSON === 'function') return;
    if (ancestors.has(part)) throw notJson(path, 'a cycle');
    ancestors.add(part);
    if (Array.isArray(part)) part.forEach((item, index) => check(item, `${path}[${index}]`));
    else checkObject(part, path);
    ancestors.delete(part);
  }

  function checkObject(part: object, path: string): void {
    const prototype: unknown = Object.getPrototypeOf(part);
    if (prototype !== Object.prototype && prototype !== null) {
      throw notJson(path, `a ${part.constructor?.name ?? 'class instance'}`);
    }
    for (const [key, item] of Object.entries(part)) {
      if (item !== undefined) check(item, `${path}.${key}`); // JSON leaves undefined fields out
    }
  }
}

function describe(part: unknown): string {
  return typeof part === 'number' || part === undefined ? String(part) : `a ${typeof part}`;
}

function notJson(path: string, what: string): UnanimousError {
  return new UnanimousError('invalid-argument', `${path}: ${what} does not survive JSON`, {
    hint: 'Write plain objects, arrays, strings, booleans, finite numbers and null.',
  });
}
