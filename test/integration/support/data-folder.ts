import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Copies a stopped server's folder, owners included; what was there before is gone. */
export function copyDataFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** Lets a stopped server's next start recover as the signal says, with these settings. */
export function signalRecovery(
  dataFolder: string,
  signal: 'recovery' | 'standby',
  settings: readonly string[],
): void {
  const { uid, gid } = statSync(dataFolder);
  const file = join(dataFolder, `${signal}.signal`);
  writeFileSync(file, '');
  chownSync(file, uid, gid);
  appendFileSync(join(dataFolder, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
}
