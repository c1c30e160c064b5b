/** What is needed of postgres.js: `import postgres from 'postgres'`. */
export type PostgresJs = (options: any) => PostgresJsSql;

/** What is needed of a `sql` that it makes. */
export interface PostgresJsSql {
  (...args: any[]): any;
  readonly options: any;
  unsafe(text: string, ...rest: any[]): any;
  notify(channel: string, payload: string): any;
  file(...args: any[]): any;
  begin(...args: any[]): any;
  reserve(): Promise<any>;
  end(options?: { timeout?: number }): Promise<void>;
}

/** What runs a query: the connections of a `sql`, or the one of a reserved `sql`. */
export interface PostgresJsHandler {
  (query: PostgresJsQuery): unknown;
  debug?: unknown;
}

/** A query as a `sql` makes it: nothing runs before it is awaited, and then `handler` runs it. */
export interface PostgresJsQuery extends Promise<unknown> {
  readonly strings: readonly string[];
  readonly args: readonly unknown[];
  readonly tagged: boolean;
  readonly streaming?: boolean;
  readonly cancelled: unknown;
  handler: PostgresJsHandler;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The rows of one statement, and its command tag without the count. */
export interface PostgresJsResult extends Array<Record<string, unknown>> {
  readonly command: string | null;
  readonly count: number | null;
  readonly state?: { readonly pid: number };
}

/** The SQL text of a query, with a placeholder for what goes as a parameter. */
export function textOfQuery({ strings, args, tagged }: PostgresJsQuery): string {
  const parts = strings.map((part, index) =>
    tagged && index < args.length ? part + textOfArgument(args[index]) : part,
  );
  return parts.join('');
}

function textOfArgument(argument: unknown): string {
  if (Array.isArray(argument)) return argument.map(textOfArgument).join(' ');
  if (typeof argument !== 'object' || argument === null) return '$1';
  // Fragments are queries that are never awaited.
  if ('strings' in argument) return textOfQuery(argument as PostgresJsQuery);
  // A quoted name has a value alone, a parameter a type as well.
  const isName = 'value' in argument && !('type' in argument);
  return isName ? String(argument.value) : '$1';
}
