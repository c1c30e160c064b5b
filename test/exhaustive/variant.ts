/** One process that serves one resource manager on one session. */
export interface Site {
  /** Number of the resource manager, from 0; two sites may share one. */
  readonly rm: number;
  /** Number of the coordinator that it is connected to, from 0; each has a log of its own. */
  readonly coordinator: number;
  readonly kind: 'native' | 'logged' | 'last';
  readonly canOnePhase: boolean;
  /** Its branches write nothing. */
  readonly readOnly: boolean;
}

/** How often something may happen in one run. */
export interface Budgets {
  /** Crashes of the coordinator. */
  readonly crashes: number;
  /** Crashes of participants. */
  readonly deaths: number;
  /** Sessions that break by themselves. */
  readonly losses: number;
  /** Attempts of phase two that bring no answer. */
  readonly failures: number;
  /** Times that the coordinator says again what it is owed. */
  readonly repeats: number;
  /** Scans besides the one on each new session. */
  readonly scans: number;
  /** Branches that somebody ends by hand. */
  readonly hands: number;
  /** Calls of services that the client gives up, to go on without them. */
  readonly timeouts: number;
  /** Words of an operator. */
  readonly resolutions: number;
  /** Resource managers, or the coordinator's log, brought back from a backup. */
  readonly restores: number;
}

/** A small world: who takes part, and what may go wrong. */
export interface Variant {
  readonly name: string;
  readonly about: string;
  readonly sites: readonly Site[];
  /** For each transaction, the sites that work in it, in order. */
  readonly plans: readonly (readonly number[])[];
  readonly budgets: Budgets;
  /** A handler has two statements, between which things happen. */
  readonly slowHandlers: boolean;
  /** A scan reads the resource manager at one moment, and asks at another. */
  readonly slowScans: boolean;
  /** PREPARE may be refused. */
  readonly refusals: boolean;
  /** Deadlines pass, at any moment and on each side by itself. */
  readonly deadlines: boolean;
  /** Ended transactions are forgotten. */
  readonly forgets: boolean;
  /** What is brought back: the log, or a resource manager. */
  readonly restored: 'log' | 'rm' | 'none';
  /** The decisions' places in the log are looked at. */
  readonly places: boolean;
  /** Resource managers have an audit table, and some people write into it before they act. */
  readonly audits: boolean;
  /** Coordinators live in the processes of their sites, and die with them. */
  readonly embedded: boolean;
  /**
   * Transactions begin without a word, under gids of the block of their session: each in one process,
   * whose branches prepare without being asked.
   */
  readonly whole: boolean;
  /** Those of one branch may be committed by it alone, and told to nobody. */
  readonly atHome: boolean;
  /** Effects may be applied before the coordinator asks, once all databases have committed. */
  readonly unasked: boolean;
  /** Too large to be searched whole. */
  readonly maxStates: number;
}

const none: Budgets = {
  crashes: 0,
  deaths: 0,
  losses: 0,
  failures: 0,
  repeats: 0,
  scans: 0,
  hands: 0,
  timeouts: 0,
  resolutions: 0,
  restores: 0,
};

const native: Site = { rm: 0, coordinator: 0, kind: 'native', canOnePhase: false, readOnly: false };

/** Sites of a resource manager each. */
function sitesOf(...kinds: ('native' | 'logged' | 'last' | 'read-only' | 'one-phase')[]): Site[] {
  return kinds.map((kind, rm) => ({
    rm,
    coordinator: 0,
    kind: kind === 'logged' || kind === 'last' ? kind : 'native',
    canOnePhase: kind === 'one-phase' || kind === 'last',
    readOnly: kind === 'read-only',
  }));
}

interface Choices extends Partial<Omit<Variant, 'budgets'>> {
  readonly budgets?: Partial<Budgets>;
}

function variant(name: string, about: string, choices: Choices): Variant {
  const { budgets, sites = sitesOf('native', 'native'), ...rest } = choices;
  return {
    name,
    about,
    sites,
    plans: [sites.map((_, site) => site)],
    slowHandlers: false,
    slowScans: false,
    refusals: true,
    deadlines: true,
    forgets: false,
    restored: 'none',
    places: false,
    audits: false,
    embedded: false,
    whole: false,
    atHome: false,
    unasked: false,
    maxStates: Infinity,
    ...rest,
    budgets: { ...none, ...budgets },
  };
}

const twins: readonly Site[] = [native, native, { ...native, rm: 1 }];

const calm = { refusals: false, deadlines: false } as const;

/** The small worlds, the quick ones first. */
export const variants: readonly Variant[] = [
  variant('pair', 'one transaction, two participants; coordinator and participant crash', {
    budgets: { crashes: 1, deaths: 1 },
  }),
  variant('two-crashes', 'one transaction, two participants; the coordinator crashes twice', {
    ...calm,
    budgets: { crashes: 2 },
  }),
  variant('one-phase', 'a single participant commits in one phase; crashes everywhere', {
    sites: sitesOf('one-phase'),
    budgets: { crashes: 2, deaths: 2, losses: 1, failures: 1, repeats: 1, scans: 1 },
  }),
  variant('one-phase-twins', 'one phase, and another process of the same resource manager', {
    sites: [...sitesOf('one-phase'), ...sitesOf('one-phase')],
    plans: [[0]],
    deadlines: false,
    budgets: { crashes: 1, deaths: 1, losses: 1, failures: 1 },
  }),
  variant('read-only', 'a reader and a writer', {
    sites: sitesOf('read-only', 'native'),
    budgets: { crashes: 1, deaths: 1 },
  }),
  variant('logged', 'a database and an effect that is applied after it', {
    sites: sitesOf('native', 'logged'),
    deadlines: false,
    budgets: { crashes: 1, deaths: 1, losses: 1 },
  }),
  variant('logged-unasked', 'the same, and it may be applied before the coordinator asks', {
    sites: sitesOf('native', 'logged'),
    ...calm,
    unasked: true,
    budgets: { crashes: 1, deaths: 1, losses: 1, repeats: 1 },
  }),
  variant('last', 'a database, and a resource that is asked last and decides; crashes', {
    sites: sitesOf('native', 'last'),
    budgets: { crashes: 1, deaths: 1 },
  }),
  variant('last-wild', 'the same; sessions break, attempts fail, and things are said again', {
    sites: sitesOf('native', 'last'),
    ...calm,
    budgets: { crashes: 1, losses: 1, failures: 1, repeats: 1, scans: 1 },
  }),
  variant('last-of-three', 'a database, an effect, and a resource that decides; two crashes', {
    sites: sitesOf('native', 'logged', 'last'),
    ...calm,
    budgets: { crashes: 2 },
  }),
  variant('last-operator', 'a receipt is forgotten, and an operator says what the last one did', {
    sites: sitesOf('native', 'last'),
    ...calm,
    budgets: { crashes: 1, hands: 1, resolutions: 2 },
  }),
  variant('late-work', 'handlers of two statements, and calls that the client gives up', {
    slowHandlers: true,
    ...calm,
    budgets: { timeouts: 1, losses: 1 },
  }),
  variant('forgetting', 'outcomes are forgotten, and a database goes back in time', {
    ...calm,
    forgets: true,
    restored: 'rm',
    budgets: { crashes: 1, deaths: 1, restores: 1 },
  }),
  variant('restored-log', "an old backup of the coordinator's log is put back", {
    ...calm,
    restored: 'log',
    budgets: { crashes: 1, deaths: 1, failures: 1, restores: 1 },
  }),
  variant('embedded', 'two processes with a coordinator each, and one database; either crashes', {
    sites: [native, { ...native, coordinator: 1 }],
    plans: [[0], [1]],
    embedded: true,
    slowScans: true,
    budgets: { crashes: 1, scans: 1 },
  }),
  variant('embedded-crashes', 'the same, and it crashes twice, or both do; sessions break', {
    sites: [native, { ...native, coordinator: 1 }],
    plans: [[0], [1]],
    embedded: true,
    ...calm,
    budgets: { crashes: 2, losses: 1 },
  }),
  variant('by-hand', 'somebody ends a branch by hand, and an operator resolves it', {
    refusals: false,
    budgets: { hands: 1, resolutions: 1, crashes: 1 },
  }),
  variant('operator', 'one phase, a receipt that is forgotten, and an operator who speaks', {
    sites: sitesOf('one-phase'),
    ...calm,
    budgets: { crashes: 2, deaths: 1, hands: 1, resolutions: 2 },
  }),
  variant('audited', 'by hand and by word, written down in an audit table; sessions break', {
    ...calm,
    audits: true,
    budgets: { hands: 1, resolutions: 1, losses: 1 },
  }),
  variant('audited-crash', 'the same, and the coordinator crashes', {
    ...calm,
    audits: true,
    budgets: { hands: 1, resolutions: 1, crashes: 1 },
  }),
  variant('audited-deaths', 'by hand, and those who would know crash', {
    ...calm,
    audits: true,
    budgets: { hands: 1, crashes: 1, deaths: 1 },
  }),
  variant('twins', 'two processes of one resource manager, and one of another', {
    sites: twins,
    plans: [[0, 2]],
    ...calm,
    slowScans: true,
    budgets: { deaths: 1, scans: 1 },
  }),
  variant('twins-crash', 'the same, and the coordinator crashes', {
    sites: twins,
    plans: [[0, 2]],
    ...calm,
    budgets: { deaths: 1, crashes: 1 },
  }),
  variant('twin-branches', 'two processes of one resource manager, each with a branch', {
    sites: [native, native],
    ...calm,
    budgets: { deaths: 1, crashes: 1 },
  }),
  variant('pair-sessions', 'sessions break, something is repeated, an attempt fails', {
    budgets: { crashes: 1, losses: 1, repeats: 1, failures: 1 },
  }),
  variant('overwriting', 'two transactions set one value through an effect, in two processes', {
    sites: [...sitesOf('logged'), ...sitesOf('logged')],
    plans: [[0], [1]],
    ...calm,
    places: true,
    budgets: { deaths: 1, failures: 1 },
  }),
  variant('two', 'two transactions of two participants; the coordinator crashes', {
    plans: [
      [0, 1],
      [0, 1],
    ],
    ...calm,
    budgets: { crashes: 1 },
  }),
  variant('trio', 'one transaction, three participants, two crashes of the coordinator', {
    sites: sitesOf('native', 'native', 'native'),
    ...calm,
    budgets: { crashes: 2 },
  }),
  variant('whole', 'two branches in the process of their client, told at the commit; crashes', {
    sites: sitesOf('native'),
    plans: [[0, 0]],
    whole: true,
    budgets: { crashes: 1, deaths: 1, losses: 1, failures: 1 },
  }),
  variant('whole-one-phase', 'the same with one branch that commits in one phase', {
    sites: sitesOf('one-phase'),
    plans: [[0]],
    whole: true,
    budgets: { crashes: 2, deaths: 1, losses: 1, failures: 1, repeats: 1, scans: 1 },
  }),
  variant('whole-at-home', 'one branch that commits by itself, told to nobody; crashes', {
    sites: sitesOf('one-phase'),
    plans: [[0]],
    whole: true,
    atHome: true,
    budgets: { crashes: 1, deaths: 1, losses: 1, failures: 2, scans: 1 },
  }),
  variant('whole-twins', 'the same beside another process of the resource manager, which scans', {
    sites: [native, native],
    plans: [[0, 0]],
    whole: true,
    slowScans: true,
    budgets: { deaths: 1, scans: 1 },
  }),
  variant('whole-sessions', 'the same; sessions break, and the coordinator crashes twice', {
    sites: [native, native],
    plans: [[0]],
    whole: true,
    budgets: { crashes: 2, losses: 1, scans: 1, failures: 1 },
  }),
  variant('whole-logged', 'two effects that are told at the commit', {
    sites: sitesOf('logged'),
    plans: [[0, 0]],
    whole: true,
    budgets: { crashes: 1, deaths: 1, losses: 1 },
  }),
  variant('whole-two', 'two transactions of one process, told at their commits', {
    sites: sitesOf('native'),
    plans: [[0], [0]],
    whole: true,
    ...calm,
    budgets: { crashes: 1, deaths: 1, losses: 1 },
  }),
  variant('pair-wild', 'two participants and a bit of everything', {
    budgets: { crashes: 2, deaths: 1, losses: 1, repeats: 1 },
  }),
  variant('trio-wild', 'three participants, two crashes, a lost session and a repeat', {
    sites: sitesOf('native', 'native', 'native'),
    ...calm,
    budgets: { crashes: 2, losses: 1, repeats: 1 },
    maxStates: 12_000_000,
  }),
];

const quickNames = [
  'whole',
  'whole-at-home',
  'two-crashes',
  'pair',
  'read-only',
  'last',
  'late-work',
  'embedded',
  'overwriting',
];

/** Those that take a few seconds together. */
export const quickVariants: readonly Variant[] = variants.filter((one) => {
  return quickNames.includes(one.name);
});

/** A variant by its name. @throws when there is none. */
export function variantNamed(name: string): Variant {
  const found = variants.find((one) => one.name === name);
  if (found) return found;
  const known = variants.map((one) => one.name).join(', ');
  throw new Error(`no variant ${name}; there are ${known}`);
}
