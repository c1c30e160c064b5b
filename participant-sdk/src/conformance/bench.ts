import { randomBytes } from 'node:crypto';
import { type BranchId, formatGid, type LogId, UnanimousError } from '@unanimous/proto';
import { sleep, systemAmbient } from '../ambient.ts';
import type { Decided, Finished, Resource } from '../resource.ts';
import { bounded } from './bounded.ts';
import { ConformanceError, demand, wordsOf } from './conformance-error.ts';
import { type Instance, serve } from './instance.ts';
import type { ConformanceSubject } from './subject.ts';
import { Trial, type Voted } from './trial.ts';

/** Texts to be written, by key. */
export type Writes = readonly (readonly [key: string, text: string])[];

/** A place in the log. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
  readonly lowWaterSeq?: number;
}

/** Fields of a branch id that a case chooses. */
export type ChosenId = Partial<Pick<BranchId, 'gid' | 'branch'>>;

const mendCommit =
  'let commit() be idempotent and answer for the branch, not for this instance: find it by the ' +
  'id alone, and when it is not prepared any more look up by its receipt what became of it';

const mendAbort =
  'let abort() end the prepared branch by its id, whichever instance prepared it, and answer ' +
  '{ result: "rolled-back" }, also when it has been ended so before';

/** How long a call that throws is asked again: as the coordinator does, but not for ever. */
const patienceMs = 20_000;

/**
 * Where one case tries a resource: instances of it, transactions that go no further than the case
 * wants, and what readers see. It stands in for runtime and coordinator, and ends what a failed
 * case has left prepared.
 */
export class Bench<R extends Resource = Resource> {
  readonly subject: ConformanceSubject<R>;
  readonly logId: LogId;
  readonly #instances: Instance<R>[] = [];
  readonly #trials: Trial<R>[] = [];
  readonly #keyPrefix = `k${randomBytes(5).toString('hex')}`;
  #keys = 0;
  #counter: number;
  #seq = 100;

  constructor(
    subject: ConformanceSubject<R>,
    logId = randomBytes(6).toString('hex'),
    lastCounter = 0,
  ) {
    this.subject = subject;
    this.logId = logId as LogId;
    this.#counter = lastCounter;
  }

  /** The usual name of the resource manager. */
  get rm(): string {
    return this.subject.rm ?? 'conformance';
  }

  /** A key that nobody has written. */
  key(): string {
    return `${this.#keyPrefix}-${++this.#keys}`;
  }

  /** Another instance, as a process of its own would make it. */
  async instance(rm = this.rm): Promise<Instance<R>> {
    const resource = await this.subject.make(rm);
    const instance = await serve(resource, rm);
    this.#instances.push(instance);
    return instance;
  }

  /** A transaction in which nothing was done yet. */
  trial(instance: Instance<R>, chosen: ChosenId = {}): Trial<R> {
    const gid = formatGid(this.logId, { epoch: 1, counter: ++this.#counter });
    const { incarnation } = instance.identity;
    const trial = new Trial(instance, { gid, branch: 1, rm: instance.rm, incarnation, ...chosen });
    instance.trials.set(trial.transaction, trial);
    this.#trials.push(trial);
    return trial;
  }

  /** A transaction that has written and is open. */
  async written(instance: Instance<R>, writes: Writes, chosen?: ChosenId): Promise<Trial<R>> {
    const trial = this.trial(instance, chosen);
    await this.write(trial, writes);
    return trial;
  }

  /** Writes in a transaction. @throws ConformanceError when the resource refuses plain work. */
  async write(trial: Trial<R>, writes: Writes): Promise<void> {
    for (const [key, text] of writes) {
      try {
        await trial.run((resource) => this.subject.write(resource, key, text));
      } catch (error) {
        if (error instanceof ConformanceError) throw error;
        throw new ConformanceError(
          `a write inside an open transaction was refused: ${wordsOf(error)}`,
          'let work in the branch that host.branch() gives succeed, or mend write() of the subject',
          error,
        );
      }
    }
  }

  /** A transaction that has written and voted yes. */
  async prepared(instance: Instance<R>, writes: Writes, chosen?: ChosenId): Promise<Trial<R>> {
    const trial = await this.written(instance, writes, chosen);
    await trial.yes();
    return trial;
  }

  /** The next place in the log. */
  place(): Place {
    return { epoch: 1, seq: ++this.#seq };
  }

  /** Sends commit until it is answered. */
  commit(
    { resource }: Instance<R>,
    id: BranchId,
    voted: Voted,
    place: Place = this.place(),
  ): Promise<Finished> {
    const decided: Decided = { lowWaterSeq: 0, ...voted, ...place };
    return untilAnswered('commit()', () => resource.commit(id, decided));
  }

  /** As `commit`, and it must succeed. */
  async mustCommit(
    instance: Instance<R>,
    trial: Pick<Trial<R>, 'id' | 'voted'>,
    when: string,
    place?: Place,
    mend = mendCommit,
  ): Promise<void> {
    const finished = await this.commit(instance, trial.id, trial.voted, place);
    demand(
      finished.result === 'committed',
      `commit() ${when} was answered ${inWords(finished)}`,
      mend,
    );
    trialEnded(trial);
  }

  /** Sends abort until it is answered. */
  abort({ resource }: Instance<R>, id: BranchId, receipt: string): Promise<Finished> {
    return untilAnswered('abort()', () => resource.abort(id, receipt));
  }

  /** As `abort`, and it must succeed. */
  async mustAbort(
    instance: Instance<R>,
    trial: Trial<R>,
    when: string,
    mend = mendAbort,
  ): Promise<void> {
    const finished = await this.abort(instance, trial.id, trial.voted.receipt);
    demand(
      finished.result === 'rolled-back',
      `abort() ${when} was answered ${inWords(finished)}`,
      mend,
    );
    trial.isInDoubt = false;
  }

  /** What readers see now. */
  read(key: string): Promise<readonly string[]> {
    return bounded('read() of the subject', this.subject.read(key));
  }

  /** Fails unless readers see just these texts. */
  async see(key: string, texts: readonly string[], when: string, mend: string): Promise<void> {
    const expected = JSON.stringify(texts);
    const endMs = systemAmbient.nowMs() + 5_000;
    for (;;) {
      const found = await this.read(key);
      const seen = JSON.stringify(found);
      if (seen === expected) return;
      // What was committed may take a moment to be shown; what must not be there never may.
      const mayCome = texts.length > 0 && found.length <= texts.length;
      const broken = `${when} readers see ${cut(seen)} instead of ${cut(expected)}`;
      demand(mayCome && systemAmbient.nowMs() < endMs, broken, mend);
      await sleep(systemAmbient, 50);
    }
  }

  /** Aborts what a failed case has left prepared, in other processes, too. Never rejects. */
  async sweep(): Promise<void> {
    for (const { resource, rm } of this.#instances) {
      const found = await bounded('scan()', resource.scan(), 3_000).catch(() => []);
      for (const id of found.filter((each) => each.rm === rm && each.gid.startsWith(this.logId))) {
        await bounded('abort()', resource.abort(id, ''), 3_000).catch(() => undefined);
      }
    }
  }

  /** Rolls back what is open or in doubt, and closes all instances. Never rejects. */
  async close(): Promise<void> {
    for (const trial of this.#trials) {
      if (trial.isInDoubt) {
        const { resource } = trial.instance;
        const ended = resource.abort(trial.id, trial.voted.receipt);
        await bounded('abort()', ended, 3_000).catch(() => undefined);
        trial.isInDoubt = false;
      }
      await bounded('rollback()', trial.dispose(), 3_000).catch(() => undefined);
    }
    for (const { resource } of this.#instances) {
      await bounded('close()', resource.close(), 3_000).catch(() => undefined);
    }
  }
}

/** Asks again when it throws, as the coordinator does. */
export async function untilAnswered<T>(what: string, call: () => Promise<T>): Promise<T> {
  const endMs = systemAmbient.nowMs() + patienceMs;
  for (let delayMs = 20; ; delayMs = Math.min(delayMs * 2, 500)) {
    try {
      return await bounded(what, call());
    } catch (error) {
      if (error instanceof ConformanceError) throw error;
      if (systemAmbient.nowMs() > endMs) {
        throw new ConformanceError(
          `${what} was asked again for ${patienceMs} ms and always threw: ${wordsOf(error)}`,
          `let ${what} throw only for what passes by itself; what can never be known is answered ` +
            '{ result: "unknown", reason }, so that an operator hears of it',
          error,
        );
      }
    }
    await sleep(systemAmbient, delayMs);
  }
}

/** An answer of phase two, for people. */
export function inWords(finished: { readonly result: string; readonly reason?: unknown }): string {
  const { reason } = finished as { readonly reason?: { readonly message?: string } };
  return reason?.message ? `${finished.result}: ${reason.message}` : finished.result;
}

/** Fails unless it is an error of ours with its remedy. */
export function demandTyped(error: unknown, when: string, code: string): void {
  const isTyped = UnanimousError.prototype.isPrototypeOf(error as object);
  demand(
    isTyped && (error as UnanimousError).hint !== '',
    `${when} throws ${JSON.stringify(wordsOf(error))}, which names no code and no remedy`,
    `throw new UnanimousError('${code}', 'what happened', { rm, hint: 'what to do' })`,
  );
}

function trialEnded(trial: object): void {
  if (trial instanceof Trial) trial.isInDoubt = false;
}

function cut(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`;
}
