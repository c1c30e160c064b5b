import { UnanimousError } from '@unanimous/proto';
import type { Ambient } from '../../participant-sdk/src/ambient.ts';
import {
  type ApplyContext,
  type DefinedResource,
  defineResource,
} from '../../participant-sdk/src/define-resource.ts';
import type { SimClock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import type { Marks } from './marks.ts';
import type { Rates } from './plan.ts';
import type { SimProcess } from './sim-process.ts';

/** What is written to a target: a value under a key. */
export interface Effect {
  readonly key: number;
  readonly row: number;
}

/** Where an effect stands among all. */
interface Place {
  readonly epoch: number;
  readonly seq: number;
  readonly index: number;
}

/** What a target needs. */
export interface TargetOptions {
  readonly rm: string;
  readonly clock: SimClock;
  readonly ledger: Ledger;
  readonly marks: Marks;
  readonly rates: () => Rates;
  readonly rmMs: number;
  readonly tell?: (sentence: string) => void;
}

/** What has no prepare: it overwrites, and compares places in one step of its own. */
export class SimTarget {
  readonly rm: string;
  /** How often each row was applied, and for which transaction. */
  readonly applied = new Map<number, { readonly gid: string; count: number }>();
  readonly #options: TargetOptions;
  readonly #values = new Map<number, { readonly row: number; readonly place: Place }>();
  readonly #ids = new Map<string, string>();
  #downUntilMs = 0;

  constructor(options: TargetOptions) {
    this.rm = options.rm;
    this.#options = options;
  }

  /** The production resource, as one process makes it. */
  resource(
    process: SimProcess,
    ambient: Ambient,
    limits: { readonly maxPayloadBytes: number; readonly applyTimeoutMs: number },
  ): DefinedResource<Effect> {
    const { rates } = this.#options;
    const resource = defineResource<Effect>({
      rm: this.rm,
      takesWork: true,
      check: () => {
        if (process.random.chance(rates().refuse)) return { refused: `${this.rm} refuses` };
        return undefined;
      },
      apply: (effect, context) => this.#apply(process, effect, context),
      ambient,
      ...limits,
    });
    // It compares places, and keeps no marks that a low-water position would let it drop.
    return Object.assign(resource, { appliesUnasked: true });
  }

  down(forMs: number): void {
    this.#downUntilMs = this.#options.clock.nowMs + forMs;
  }

  heal(): void {
    this.#downUntilMs = 0;
  }

  #apply(process: SimProcess, effect: Effect, context: ApplyContext): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!process.effect('rm')) return;
      const { clock, rates, rmMs } = this.#options;
      const { random } = process;
      const isLost = random.chance(rates().failApply);
      const fail = () => reject(new UnanimousError('rm-unavailable', `${this.rm} does not answer`));
      clock.later(random.delay(rmMs / 4, rmMs), () => {
        const isUp = clock.nowMs >= this.#downUntilMs;
        // What a dead process has sent may still arrive.
        const lands =
          isUp && (process.isAlive ? !isLost || random.chance(0.5) : random.chance(0.5));
        if (lands) this.#take(effect, context);
        if (!process.effect('rm')) return;
        process.later(random.delay(rmMs / 4, rmMs), () => (lands && !isLost ? resolve() : fail()));
      });
    });
  }

  #take({ key, row }: Effect, context: ApplyContext): void {
    const { id, gid, epoch, seq, index, lowWaterSeq } = context;
    const { ledger, marks, tell } = this.#options;
    if (lowWaterSeq === 0) marks.hit('logged.unasked');
    const content = `${row} ${epoch}.${seq}.${index}`;
    const before = this.#ids.get(id);
    if (before !== undefined && before !== content && !ledger.strays.has(gid)) {
      ledger.violate('rule 16', `${id} came again as another effect`);
    }
    this.#ids.set(id, content);
    const applied = this.applied.get(row) ?? { gid, count: 0 };
    applied.count += 1;
    this.applied.set(row, applied);
    marks.hit(applied.count > 1 ? 'logged.repeated' : 'logged.applied');
    if (applied.count === 1) tell?.(`${this.rm} shows an effect of ${gid}`);
    const shown = this.#values.get(key);
    const place = { epoch, seq, index };
    if (!shown || isBehind(shown.place, place)) this.#values.set(key, { row, place });
    else if (isBehind(place, shown.place)) marks.hit('logged.overtaken');
    ledger.applied(gid, this.rm, { epoch, seq });
  }
}

function isBehind(a: Place, b: Place): boolean {
  return a.epoch - b.epoch < 0 || (a.epoch === b.epoch && (a.seq - b.seq || a.index - b.index) < 0);
}
