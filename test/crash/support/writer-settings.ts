/** Where a description of a resource is, and what its part in the process needs to know. */
export interface WrittenTo {
  readonly module: string;
  readonly settings: unknown;
}

/** What the writer's process needs to know. */
export interface WriterSettings {
  /** Address of the coordinator. */
  readonly coordinator: string;
  /** What each transaction writes to, and, most of them, what else. */
  readonly target: WrittenTo;
  readonly beside: WrittenTo;
  /** Where it writes down what it begins and is told. */
  readonly notesFile: string;
  /** How many transactions are to be tried in all. */
  readonly transactions: number;
  /** How many at a time. */
  readonly writers: number;
}

/** The settings as an environment. */
export function writerEnv(settings: WriterSettings): Record<string, string> {
  return { UNANIMOUS_TEST_WRITER: JSON.stringify(settings) };
}

/** Reads them back in the process. */
export function readWriterSettings(): WriterSettings {
  return JSON.parse(process.env.UNANIMOUS_TEST_WRITER ?? '{}') as WriterSettings;
}

/** Whether a transaction writes to the target alone, and commits in one phase. */
export function isAlone(n: number): boolean {
  return n % 8 === 0;
}
