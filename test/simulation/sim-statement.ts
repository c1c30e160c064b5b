import { UnanimousError } from '@unanimous/proto';
import type { DatabaseOptions } from './database-options.ts';
import type { SimProcess } from './sim-process.ts';
import type { Row } from './sim-row.ts';

/** What a database can be asked; those that end something may land when nobody waits any more. */
type Statement =
  | 'write'
  | 'prepare'
  | 'ready'
  | 'commit'
  | 'abort'
  | 'one-phase'
  | 'ask'
  | 'scan'
  | 'audit';

const maySlip: ReadonlySet<Statement> = new Set([
  'prepare',
  'commit',
  'abort',
  'one-phase',
  'audit',
]);

/** The way of statements to a database and of its answers back, and how it goes wrong. */
export class Statements {
  readonly #options: DatabaseOptions;
  /** The connection of a row is gone. */
  readonly #leave: (row: Row) => void;
  /** Grows when the server restarts: connections and their open work are gone. */
  start = 1;
  downUntilMs = 0;
  slowUntilMs = 0;

  constructor(options: DatabaseOptions, leave: (row: Row) => void) {
    this.#options = options;
    this.#leave = leave;
  }

  /** Sends a statement and waits for its answer, which may be late, lost, or never come. */
  call<T>(process: SimProcess, statement: Statement, execute: () => T, row?: Row): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!process.effect('rm')) return;
      const { clock, random, marks } = this.#options;
      const { loseAnswer, slowStatement } = this.#options.rates();
      const start = this.start;
      const isEnding = maySlip.has(statement);
      const lost = random.chance(loseAnswer);
      const slips = lost && isEnding && random.chance(0.5);
      const isSlow = random.chance(slowStatement) || clock.nowMs < this.slowUntilMs;
      const goMs = this.#delayMs() + (isSlow ? random.delay(10, 2_000) : 0);
      if (row && isEnding) row.inFlight += 1;
      if (slips) this.#loseConnection(process, reject);
      clock.later(goMs + (slips ? random.delay(0, 1_000) : 0), () => {
        if (row && isEnding) row.inFlight -= 1;
        const isDown = clock.nowMs < this.downUntilMs || start !== this.start;
        const isAbandoned = !process.isAlive || slips;
        // What a dead client has sent may still be read from its socket, or not.
        const lands = !isDown && (!isAbandoned || (isEnding && random.chance(0.6)));
        if (!lands) {
          if (row && isAbandoned) this.#leave(row);
          if (!slips) this.#loseConnection(process, reject);
          return;
        }
        if (statement === 'prepare' && isAbandoned) marks.hit('rm.prepare-landed-late');
        try {
          const result = execute();
          if (row && isAbandoned) this.#leave(row);
          if (slips || !process.effect('rm')) return;
          if (lost) this.#loseConnection(process, reject);
          else process.later(this.#delayMs(), () => resolve(result));
        } catch (error) {
          process.later(this.#delayMs(), () => reject(error));
        }
      });
    });
  }

  #loseConnection(process: SimProcess, reject: (error: Error) => void): void {
    process.later(this.#delayMs(), () => {
      reject(unavailable(this.#options.rm, 'the connection was lost'));
    });
  }

  #delayMs(): number {
    const { random, rmMs } = this.#options;
    return Math.round(random.delay(rmMs / 4, rmMs) * 50) / 50;
  }
}

/** What a database says when it cannot be asked. */
export function unavailable(rm: string, why: string): UnanimousError {
  return new UnanimousError('rm-unavailable', `${rm}: ${why}`, { rm });
}
