import { spawnSync } from 'node:child_process';

/** Runs a server's own client, and answers what it prints. */
export function runClient(
  program: string,
  args: readonly string[],
  input = '',
  env: NodeJS.ProcessEnv = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    input,
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${program}: ${stderr}`, { cause: error });
  return stdout;
}

/** Whether a client is installed. */
export function hasClient(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** What sqlite3 finds in a file. */
export function querySqlite<Row>(file: string, sql: string): Row[] {
  const args = ['-readonly', '-json', '-cmd', '.timeout 5000', file, sql];
  return JSON.parse(runClient('sqlite3', args) || '[]') as Row[];
}

/** What psql finds, as JSON. */
export function queryPostgres<Row>(url: string, sql: string): Row[] {
  const all = `select coalesce(json_agg(found), '[]') from (${sql}) found`;
  return JSON.parse(runClient('psql', [url, '-XqAt', '-c', all])) as Row[];
}
