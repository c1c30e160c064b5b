import type { Bound } from './bounds.ts';
import type { PowerCut } from './crash-disk.ts';
import type { Role } from './crash-fleet.ts';
import type { FailAction } from './failpoints.ts';

/** What became of the order that was on its way. */
export type Fate = 'committed' | 'aborted' | 'either';

/** Which process is hit, and where. */
export interface Hit {
  readonly role: Exclude<Role, 'delivery'>;
  readonly point: string;
  /** Part of what the point tells: a resource manager's name, or a kind. */
  readonly about?: string | undefined;
  /** At which passing. */
  readonly at?: number | undefined;
}

/** Where a process is hit, and what must be found afterwards. */
export interface CrashRow extends Hit {
  readonly action: FailAction;
  /**
   * Longest time until nothing is blocked any more. It begins when the process begins again: a
   * coordinator when its program is loaded, a service that was killed when it answers, one that was
   * frozen when it wakes, and one that an error has not ended with the error.
   */
  readonly bound: Bound;
  /**
   * What is ordered: `all` writes to two databases and the queue, `solo` to one database, `refused`
   * is aborted by its client, `told` goes to a broker too. `home` writes to a database and the queue,
   * both of the process that begins, so that the coordinator hears of it whole; `alone` is `solo` of
   * which nobody has the gid, so that the coordinator never hears of it.
   */
  readonly dish: 'all' | 'solo' | 'refused' | 'told' | 'home' | 'alone';
  readonly fate: Fate;
  /** Resource managers that hold the order prepared until everything runs again. */
  readonly inDoubt?: readonly string[] | undefined;
  /** A kill before: this row's is the second one, in the recovery from the first. */
  readonly after?: Hit | undefined;
  /** What brings the process to the point, when it is not the order. */
  readonly by?: 'SIGTERM' | 'resolve' | 'retention' | undefined;
  /** The power fails as well: what becomes of what the coordinator's log had not forced. */
  readonly power?: PowerCut | undefined;
  /** In every test run; the others in `npm run crash`. */
  readonly quick?: boolean;
}

/** How a row is called in a report. */
export function titleOf(row: CrashRow): string {
  const { role, point, about, at = 1, action, dish, after, by, power } = row;
  const when = [
    at > 1 ? `passing ${at}` : '',
    dish === 'all' ? '' : `an order "${dish}"`,
    after ? `after a kill at ${placeOf(after)}` : '',
    by ? `by ${by}` : '',
    power === undefined
      ? ''
      : `and a power cut: ${typeof power === 'number' ? `part ${power}` : power}`,
  ].filter((text) => text !== '');
  return `${role}, ${action} at ${placeOf({ point, about })}${when.length > 0 ? ` (${when.join(', ')})` : ''}`;
}

function placeOf({ point, about }: Pick<Hit, 'point' | 'about'>): string {
  return about === undefined ? point : `${point} of ${about}`;
}
