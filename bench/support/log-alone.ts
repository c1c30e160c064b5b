import { type LogRecord, SqliteDecisionLog } from '@unanimous/coordinator';
import { formatGid, type LogId } from '@unanimous/proto';

const branch = { kind: 'native', incarnation: '1', receipt: '', redo: new Uint8Array() } as const;

/** The log as a coordinator opens it, in its worker thread, and nothing around it. */
export class LogAlone implements AsyncDisposable {
  readonly #log: SqliteDecisionLog;
  readonly #logId: LogId;
  #counter = 0;

  private constructor(log: SqliteDecisionLog, logId: LogId) {
    this.#log = log;
    this.#logId = logId;
  }

  static async open(dir: string): Promise<LogAlone> {
    const log = new SqliteDecisionLog({ dir });
    const { logId } = await log.open();
    await log.follow(() => {});
    await log.becomeActive({ name: 'bench', address: '' });
    return new LogAlone(log, logId);
  }

  /** Records of a transaction with two branches: its decision, forced, and its end, lazily. */
  async transaction(): Promise<void> {
    const decided = this.#nextDecision();
    await this.#log.append([decided]);
    this.#log.appendLazily([{ kind: 'ended', gid: decided.gid }]);
  }

  /** Records of many transactions at once, ended or not. */
  async transactions(count: number, areEnded: boolean): Promise<void> {
    const records = Array.from({ length: count }, (): LogRecord[] => {
      const decided = this.#nextDecision();
      return areEnded ? [decided, { kind: 'ended', gid: decided.gid }] : [decided];
    });
    await this.#log.append(records.flat());
  }

  /** Forgets what is ended but the newest so many, and compacts, as a coordinator does by and by. */
  async forgetAllBut(newest: number): Promise<void> {
    const counter = this.#counter - newest;
    if (counter <= 0) return;
    await this.#log.append([{ kind: 'forgotten', through: { epoch: 1, counter } }]);
    await this.#log.compact();
  }

  #nextDecision(): LogRecord & { readonly kind: 'commit-decided' } {
    this.#counter += 1;
    const gid = formatGid(this.#logId, { epoch: 1, counter: this.#counter });
    const branches = [
      { ...branch, branch: 1, rm: 'first-db' },
      { ...branch, branch: 2, rm: 'second-db' },
    ];
    return { kind: 'commit-decided', gid, branches };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log.close();
  }
}

/** What a log is filled with. */
export interface Filling {
  readonly count: number;
  readonly areEnded: boolean;
  /** Of those that have ended so many stay answerable; what is older is forgotten on the way. */
  readonly retained?: number;
}

/** Fills a log with decisions, by the writer that coordinators use. */
export async function writeDecisions(dir: string, filling: Filling): Promise<void> {
  const { count, areEnded, retained = count } = filling;
  await using log = await LogAlone.open(dir);
  const atOnce = 5_000;
  for (let written = 0; written < count; written += atOnce) {
    await log.transactions(Math.min(atOnce, count - written), areEnded);
    // About as often as a coordinator under load, which looks once a second.
    if (written % (4 * atOnce) === 0) await log.forgetAllBut(retained);
  }
  await log.forgetAllBut(retained);
}
