import type { SimClock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import type { Marks } from './marks.ts';
import { type Plan, type Rates, rmName } from './plan.ts';
import { Random } from './random.ts';
import { SimDatabase } from './sim-database.ts';
import type { SimProcess } from './sim-process.ts';
import { SimQueue } from './sim-queue.ts';
import { SimTarget } from './sim-target.ts';

/** What all places share. */
interface Shared {
  readonly clock: SimClock;
  readonly ledger: Ledger;
  readonly marks: Marks;
  readonly rates: () => Rates;
  readonly tell?: (sentence: string) => void;
}

/** Where transactions write, by the numbers of the plan: first databases, then targets, then queues. */
export interface Places {
  readonly databases: readonly SimDatabase[];
  readonly targets: readonly SimTarget[];
  readonly queues: readonly SimQueue[];
}

/** Makes the places of a run. `onFound` hears who has found committed what it was to abort. */
export function makePlaces(
  { seed, world }: Plan,
  shared: Shared,
  onFound: (by: SimProcess, random: Random) => void,
): Places {
  const { natives, logged, queues, rmMs, keepReceiptsMs } = world;
  const rms = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => rmName(from + index));
  return {
    databases: rms(0, natives).map((rm, index) => {
      const random = Random.of(seed, `database ${index}`);
      const found = (by: SimProcess) => onFound(by, random);
      return new SimDatabase({ ...shared, rm, rmMs, random, onFound: found });
    }),
    targets: rms(natives, logged).map((rm) => new SimTarget({ ...shared, rm, rmMs })),
    queues: rms(natives + logged, queues).map((rm) => {
      return new SimQueue({ ...shared, rm, keepReceiptsMs });
    }),
  };
}
