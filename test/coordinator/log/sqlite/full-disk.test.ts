import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tempDir } from '../../../support/temp-dir.ts';
import { childCommand, type ChildWork, spawnChildLog } from './child-log.ts';

// A disk of a few megabytes, seen by this child and its children only; needs user namespaces.
const inNamespace = ['--user', '--map-root-user', '--mount', 'sh', '-ec'];

function canMount(): boolean {
  using dir = tempDir();
  return spawnSync('unshare', [...inNamespace, `mount -t tmpfs none ${dir.path}`]).status === 0;
}

const title = canMount() ? '' : ' [command absent: unshare with mount]';

test.skipIf(title !== '')(
  `a full disk fails the log by name, and loses nothing that was acknowledged${title}`,
  { timeout: 60_000 },
  async () => {
    using dir = tempDir();
    const disk = dir.file('disk');
    mkdirSync(disk);
    const quoted = (what: ChildWork) => {
      return childCommand(what, `${disk}/log`)
        .map((word) => `'${word}'`)
        .join(' ');
    };
    const child = spawnChildLog([
      'unshare',
      ...inNamespace,
      `mount -t tmpfs -o size=6m,mode=700 none ${disk}
       ${quoted('fill')} || true
       dd if=/dev/zero of=${disk}/ballast bs=4096 2>&1 || true
       ${quoted('list')} || true
       mount -o remount,size=64m none ${disk}
       ${quoted('list')}
       ${quoted('list')}`,
    ]);
    await child.ended;

    expect(child.said('failed')).toEqual([expect.stringMatching(/SQLITE_FULL/)]);
    // With no room at all the start fails too, and changes nothing.
    const errors = child.said('error');
    expect(errors).toHaveLength(2);
    expect(errors[0]).toMatch(/^log-failed .*SQLITE_FULL/);
    expect(errors[1]).toMatch(/^log-failed .*(SQLITE_FULL|ENOSPC)/);

    const acked = child.said('acked');
    const found = child.said('found');
    expect(acked.length).toBeGreaterThan(1_000);
    const starts = [found.slice(0, found.length / 2), found.slice(found.length / 2)];
    expect(starts[0]).toEqual(starts[1]);
    const first = new Set(starts[0]);
    expect(acked.filter((gid) => !first.has(gid))).toEqual([]);
    // What was in flight when it failed may stand in the log or not: nobody was told.
    expect(first.size).toBeLessThanOrEqual(acked.length + 64);
  },
);
