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
    this.#counter += 1;
    const gid = formatGid(this.#logId, { epoch: 1, counter: this.#counter });
    const decided: LogRecord = {
      kind: 'commit-decided',
      gid,
      branches: [
        { ...branch, branch: 1, rm: 'first-db' },
        { ...branch, branch: 2, rm: 'second-db' },
      ],
    };
    await this.#log.append([decided]);
    this.#log.appendLazily([{ kind: 'ended', gid }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log.close();
  }
}
