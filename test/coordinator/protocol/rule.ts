import type { Weather } from './actions.ts';
import type { Watch, World } from './world.ts';

/** A sentence that must hold in every run, with the place that says so. */
export interface Rule {
  readonly name: string;
  readonly source: string;
  /** The worst weather in which it holds. */
  readonly weather: Weather;
  /** Looks at one run. */
  watch(world: World): Watch;
}
