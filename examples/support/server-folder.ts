import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The system user that servers run as: `nobody` when we are root, ourselves otherwise. */
export type ServerUser = { readonly uid: number; readonly gid: number } | Record<string, never>;

/** Postgres refuses to run as root, so root starts its servers as nobody. */
export function serverUser(): ServerUser {
  return process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
}

/** Waits until our end of the pipe closes, however we ended; then ends the servers and cleans up. */
const watcherScript = `
cat > /dev/null
[ -d "$1" ] || exit 0
pids=$(cat "$1/pids")
for pid in $pids; do kill -s "$2" "$pid"; done
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  alive=; for pid in $pids; do kill -0 "$pid" && alive="$alive $pid"; done
  [ -z "$alive" ] && break
  sleep 0.2
done
for pid in $alive; do kill -s KILL "$pid"; done
rm -rf "$1"
`;

/**
 * A temporary folder that belongs to one server, and a watcher beside it: when this process dies
 * without having called `remove` (Ctrl-C, kill -9), the watcher ends the server and removes the folder.
 */
export class ServerFolder {
  readonly path: string;
  readonly user: ServerUser;
  readonly #watcher: ChildProcess;

  /** `endSignal` is what the server takes for "stop now, cleanly". */
  constructor(prefix: string, endSignal: 'INT' | 'TERM') {
    this.user = serverUser();
    this.path = mkdtempSync(join(tmpdir(), prefix));
    this.own(this.path);
    this.watch([]);
    this.#watcher = spawn('/bin/sh', ['-c', watcherScript, 'watcher', this.path, endSignal], {
      detached: true, // or Ctrl-C would end the watcher too
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    });
    this.#watcher.unref();
    (this.#watcher.stdin as Socket | null)?.unref();
  }

  /** The path of `name` in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Makes a folder that the server's user may write to. */
  makeFolder(name: string): string {
    mkdirSync(this.file(name));
    this.own(this.file(name));
    return this.file(name);
  }

  /** Writes a file that the server's user may change. */
  writeFile(name: string, content: string): string {
    writeFileSync(this.file(name), content);
    this.own(this.file(name));
    return this.file(name);
  }

  /** Tells the watcher which processes run now. Call it after every start and every end. */
  watch(pids: readonly number[]): void {
    writeFileSync(this.file('pids'), pids.join(' '));
  }

  /** Removes the folder and ends the watcher; idempotent. The server must have ended before. */
  async remove(): Promise<void> {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
    if (this.#watcher.exitCode !== null || this.#watcher.signalCode !== null) return;
    this.#watcher.ref();
    const exit = once(this.#watcher, 'exit');
    this.#watcher.stdin?.end();
    await exit;
  }

  private own(path: string): void {
    if (this.user.uid !== undefined) chownSync(path, this.user.uid, this.user.gid);
  }
}
