import type { Budgets, Variant } from './variant.ts';

/** Words that a state has once. */
export const word = {
  /** Stays 0: stands for all that a variant has not. */
  nothing: 0,
  /** Place of the value that an overwriting target shows. */
  value: 1,
} as const;

/** The budgets stand behind them, in this order. */
export const budgetNames: readonly (keyof Budgets)[] = [
  'crashes',
  'deaths',
  'losses',
  'failures',
  'repeats',
  'scans',
  'hands',
  'timeouts',
  'resolutions',
  'restores',
];

const head = Object.keys(word).length;

/** One branch that a plan foresees. */
export interface Slot {
  readonly tx: number;
  /** Its place in the transaction's plan. */
  readonly call: number;
  readonly site: number;
  readonly rm: number;
  readonly kind: 'native' | 'logged' | 'last';
  readonly readOnly: boolean;
  /** Words: what the resource manager holds, */
  readonly held: number;
  /** what it still executes for a client that is gone, */
  readonly late: number;
  /** the number that the coordinator gave, */
  readonly number: number;
  /** how far the work has come, */
  readonly work: number;
  /** what the caller heard of it, */
  readonly reply: number;
  /** and what the resource manager's audit table says of it. */
  readonly audit: number;
}

/** A coordinator: its words, and what is its own. */
export interface Desk {
  /** 0 down, 1 up, 2 stopped for good. */
  readonly up: number;
  readonly log: number;
  /** Transactions below it were forgotten. */
  readonly mark: number;
  /** Transactions that it began, and processes that are connected to it. */
  readonly txs: readonly number[];
  readonly sites: readonly number[];
}

/** Where in a state each thing stands. */
export interface Layout {
  readonly words: number;
  readonly desks: readonly Desk[];
  readonly budget: Readonly<Record<keyof Budgets, number>>;
  /** Words of the transactions. */
  readonly txs: readonly {
    readonly tx: number;
    readonly client: number;
    readonly told: number;
    /** 1 while its gid belongs to a session, which has not told of it. */
    readonly reserved: number;
    /** Operators' words that are on their way to the log. */
    readonly resolving: number;
  }[];
  readonly sites: readonly {
    /** Bit 0: the coordinator holds it, bit 1: the participant does; above: its generation. */
    readonly session: number;
    readonly down: number;
    readonly up: number;
    readonly scan: number;
    /** The log as the resource manager remembers it. */
    readonly seen: number;
    /** Entries of the audit table that were asked about on this session, as bits. */
    readonly audited: number;
    /** Slots of its resource manager. */
    readonly slots: readonly number[];
  }[];
  readonly slots: readonly Slot[];
  /** For each site and slot of its resource manager: branch and operation; elsewhere -1. */
  readonly drivers: readonly (readonly number[])[];
}

/** What the resource manager holds of a branch: the low three bits. */
export const held = { none: 0, open: 1, prepared: 2, committed: 3, aborted: 4, left: 5 } as const;

/** Bits above them: only half of the work; brought back; ended by hand; its receipt forgotten. */
export const heldHalf = 8;
export const heldWentBack = 16;
export const heldByHand = 32;
export const heldForgotten = 64;

/** The newest entry of the audit table on a branch: the low two bits. */
export const entry = { none: 0, committed: 1, 'rolled-back': 2 } as const;

/** Bits above them: whoever wrote it is about to act; an operator's word was followed. */
export const entryIsAhead = 4;
export const wordFollowed = 8;

/** How far the work of a branch has come. */
export const work = { none: 0, enlisting: 1, running: 2, done: 3, failed: 4 } as const;

/** What the caller of a service heard. */
export const reply = { none: 0, done: 1, givenUp: 2 } as const;

/** What was told of a transaction, as bits. */
export const told = { committed: 1, aborted: 2, expired: 4 } as const;

/** A statement that a resource manager still executes though its client is gone. */
export const late = { none: 0, prepare: 1, commit: 2, drop: 3 } as const;

export function layoutOf(variant: Variant): Layout {
  let next = head;
  const take = (count: number) => (next += count) - count;
  const deskCount = 1 + Math.max(...variant.sites.map(({ coordinator }) => coordinator));
  const desks = Array.from({ length: deskCount }, (_, index): Desk => {
    const isOwn = (site: number | undefined) => variant.sites[site ?? -1]?.coordinator === index;
    return {
      ...{ up: take(1), log: take(1), mark: take(1) },
      txs: [...variant.plans.keys()].filter((tx) => isOwn(variant.plans[tx]?.[0])),
      sites: [...variant.sites.keys()].filter(isOwn),
    };
  });
  const budget = Object.fromEntries(
    budgetNames.map((name) => [name, variant.budgets[name] > 0 ? take(1) : word.nothing]),
  );
  const txs = variant.plans.map(() => ({
    ...{ tx: take(1), client: take(1), told: take(1) },
    reserved: variant.whole ? take(1) : word.nothing,
    resolving: variant.budgets.resolutions > 0 ? take(1) : word.nothing,
  }));
  const slots = variant.plans.flatMap((plan, tx) =>
    plan.map((site, call): Slot => {
      const { rm = 0, kind = 'native', readOnly = false } = variant.sites[site] ?? {};
      const words = {
        held: take(1),
        late: take(1),
        number: take(1),
        work: take(1),
        reply: take(1),
        audit: variant.audits ? take(1) : word.nothing,
      };
      return { tx, call, site, rm, kind, readOnly, ...words };
    }),
  );
  const sites = variant.sites.map(({ rm }) => ({
    ...{ session: take(1), down: take(1), up: take(1), scan: take(1) },
    seen: variant.restored === 'log' ? take(1) : word.nothing,
    audited: variant.audits ? take(1) : word.nothing,
    slots: [...slots.keys()].filter((slot) => slots[slot]?.rm === rm),
  }));
  const drivers = sites.map((site) =>
    slots.map((_, slot) => (site.slots.includes(slot) ? take(2) : -1)),
  );
  // Even, so that it can be read as 32-bit words.
  return {
    words: next + (next % 2),
    desks,
    budget: budget as Layout['budget'],
    txs,
    sites,
    slots,
    drivers,
  };
}
