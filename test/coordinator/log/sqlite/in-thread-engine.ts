import type { OnCrashPoint } from '../../../../coordinator/src/log/sqlite/crash-points.ts';
import { LogEngine } from '../../../../coordinator/src/log/sqlite/log-engine.ts';
import { packLines, toLine } from '../../../../coordinator/src/log/sqlite/pending-record.ts';
import { fromWireError } from '../../../../coordinator/src/log/sqlite/worker-messages.ts';
import type {
  FromWorker,
  ToWorker,
} from '../../../../coordinator/src/log/sqlite/worker-messages.ts';
import type { LogRecord } from '../../../../coordinator/src/protocol/record.ts';

/** The engine in this thread; everything is answered at once. */
export class InThreadEngine {
  readonly #engine: LogEngine;
  readonly #said: FromWorker[] = [];

  constructor(dir: string, reached: OnCrashPoint = () => {}, mirror?: string) {
    const settings = { dir, acceptTipLoss: false, mirror, dropMirror: false, crash: undefined };
    const port = {
      send: (message: FromWorker) => this.#said.push(message),
      receive: () => undefined,
      end: () => {},
    };
    this.#engine = new LogEngine(settings, port, reached);
  }

  /** Asks, and returns the answer. Throws what the engine says when it refuses or has failed. */
  ask(type: Exclude<ToWorker['type'], 'append'>, ask?: unknown): unknown {
    this.#engine.take({ type, id: 1, ask } as ToWorker);
    const answer = this.#answer();
    if (answer.type !== 'answer') throw new Error(JSON.stringify(answer));
    return answer.answer;
  }

  /** Returns the seq up to which the log is durable. */
  append(records: readonly LogRecord[]): number {
    this.#engine.take({ type: 'append', ...packLines(records.map(toLine)) });
    const answer = this.#answer();
    if (answer.type !== 'appended') throw new Error(JSON.stringify(answer));
    return answer.tip.seq;
  }

  #answer(): FromWorker {
    const answer = this.#said.at(-1);
    if (!answer) throw new Error('the engine said nothing');
    if (answer.type === 'failed' || answer.type === 'refused') throw fromWireError(answer.error);
    return answer;
  }
}
