import { type Found, type Promised, sharedKey } from './resource-case.ts';

/** A transaction: what was decided of it, and what its process was told. */
export interface Decided {
  readonly n: number;
  readonly gid: string;
  /** What the coordinator answers of it now. */
  readonly outcome: string;
  /** Places in the order of all that happened: when it began, and when its process was told. */
  readonly startedAt: number;
  readonly toldAt?: number;
  readonly told?: string;
}

/** What a resource was found to hold, compared with what was decided. */
export interface Verdict {
  /** Copies beyond the first that a reader knows by their id. */
  readonly repeats: number;
  readonly violations: readonly string[];
}

/** Every transaction is decided, and as its process was told. */
export function wordViolations(transactions: readonly Decided[]): string[] {
  return transactions.flatMap(({ n, gid, outcome, told }) => {
    const name = `transaction ${n} (${gid})`;
    if (outcome !== 'committed' && outcome !== 'aborted') return [`${name} is ${outcome}`];
    const isContrary = (told === 'committed' || told === 'aborted') && told !== outcome;
    return isContrary ? [`${name}: its process was told ${told}, and it is ${outcome}`] : [];
  });
}

/**
 * Compares what a resource holds with what was decided: all that committed transactions wrote is
 * there, once but for repeats known by their id, nothing of aborted ones, in the order that is promised.
 */
export function verdictOn(
  transactions: readonly Decided[],
  found: readonly Found[],
  promised: Promised,
): Verdict {
  const byNumber = new Map(transactions.map((one) => [one.n, one]));
  const violations = found.flatMap((one) => strangerViolation(byNumber.get(one.n), one));
  const lasting = found.filter(({ key }) => key === undefined);
  const places = promised.stays ? overwrittenViolations(transactions, found, promised.stays) : [];
  const { repeats, problems } = countEach(transactions, lasting, promised);
  const order = promised.order === 'none' ? [] : orderViolations(byNumber, lasting, promised);
  return { repeats, violations: [...violations, ...problems, ...places, ...order] };
}

/** What should not be there. */
function strangerViolation(decided: Decided | undefined, { n, part, gid }: Found): string[] {
  const name = `part ${part} of transaction ${n} (${gid})`;
  if (!decided) return [`${name} is there, and nobody has begun it`];
  if (decided.gid !== gid) return [`${name} is there, but ${n} is ${decided.gid}`];
  return decided.outcome === 'committed' ? [] : [`${name} is there, though ${decided.outcome}`];
}

function countEach(
  transactions: readonly Decided[],
  found: readonly Found[],
  { parts, repeats: allowed, stays }: Promised,
) {
  const copies = new Map<string, Found[]>();
  for (const one of found) {
    const name = `${one.n}/${one.part}`;
    copies.set(name, [...(copies.get(name) ?? []), one]);
  }
  let repeats = 0;
  const problems: string[] = [];
  for (const { n, gid, outcome } of transactions) {
    // The last part goes to a place that others overwrite, where there are such places.
    for (let part = 0; part < parts - (stays ? 1 : 0); part++) {
      const held = copies.get(`${n}/${part}`) ?? [];
      const name = `transaction ${n} (${gid}) is committed, and its part ${part}`;
      if (outcome === 'committed' && held.length === 0) problems.push(`${name} is not there`);
      repeats += Math.max(0, held.length - 1);
      const ids = new Set(held.map(({ id }) => id));
      const isKnown = allowed === 'known by id' && ids.size === 1 && !ids.has(undefined);
      if (held.length > 1 && !isKnown) {
        problems.push(`${name} is there ${held.length} times, as ${[...ids].join(' and ')}`);
      }
    }
  }
  return { repeats, problems };
}

/** In a place that several transactions overwrite, nothing stays that was overwritten. */
function overwrittenViolations(
  transactions: readonly Decided[],
  found: readonly Found[],
  stays: 'last' | 'highest',
): string[] {
  const held = new Map(found.map((one) => [one.key, one]));
  const writers = new Map<string, Decided[]>();
  for (const one of transactions.filter(({ outcome }) => outcome === 'committed')) {
    writers.set(sharedKey(one.n), [...(writers.get(sharedKey(one.n)) ?? []), one]);
  }
  return [...writers].flatMap(([key, committed]) => {
    const there = committed.find(({ n }) => n === held.get(key)?.n);
    const later = committed.filter((one) => {
      if (!there || stays === 'highest') return one.n > (there?.n ?? 0);
      return there.told === 'committed' && one.startedAt > (there.toldAt ?? Infinity);
    });
    const last = later.at(-1);
    if (!last) return [];
    const instead = there ? `transaction ${there.n} (${there.gid}), which is older` : 'nothing';
    return [`transaction ${last.n} (${last.gid}) is committed, and ${key} has ${instead}`];
  });
}

function orderViolations(
  byNumber: ReadonlyMap<number, Decided>,
  found: readonly Found[],
  { order }: Promised,
): string[] {
  const violations: string[] = [];
  const reached = new Map<number, number>();
  let latest: Decided | undefined; // of those before, the one that began last
  for (const { n, part } of found) {
    const decided = byNumber.get(n);
    const before = reached.get(n) ?? -1;
    if (part <= before) continue; // a repeat
    const name = `part ${part} of transaction ${n} (${decided?.gid})`;
    if (part > before + 1) violations.push(`${name} comes before others`);
    reached.set(n, part);
    if (!decided || order !== 'commits') continue;
    const isBehind = decided.told === 'committed' && (latest?.startedAt ?? 0) > decided.toldAt!;
    if (isBehind) violations.push(`${name} stands behind ${latest?.n}, which began later`);
    if (!latest || decided.startedAt > latest.startedAt) latest = decided;
  }
  return violations;
}
