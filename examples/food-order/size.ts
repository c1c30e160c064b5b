/** How much a run of the demo does. */
export interface DemoSize {
  /** Orders that must stand at the end. */
  readonly orders: number;
  /** Kills of the naive service. */
  readonly naiveKills: number;
  /** Kills of the coordinator, services and servers; the first so many of the plan. */
  readonly kills: number;
}

/** What `npm run demo` does. */
export const fullSize: DemoSize = { orders: 1_000, naiveKills: 4, kills: 12 };

/** A short look: `npm run demo -- --brief`. */
export const briefSize: DemoSize = { orders: 200, naiveKills: 1, kills: 4 };
