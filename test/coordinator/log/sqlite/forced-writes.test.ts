import type * as nodeFs from 'node:fs';
import { expect, test, vi } from 'vitest';
import { prepareFolder } from '../../../../coordinator/src/log/sqlite/log-folder.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { openStore } from './log-image.ts';

// What a power failure leaves is what was forced before it, so the order of these calls is the
// promise. The calls of SQLite itself go past us.

const calls = vi.hoisted((): string[] => []);

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof nodeFs>();
  const pathOf = (file: number) => fs.readlinkSync(`/proc/self/fd/${file}`);
  const spied = {
    ...fs,
    fsyncSync: (file: number) => {
      calls.push(`force ${pathOf(file)}`);
      fs.fsyncSync(file);
    },
    fdatasyncSync: (file: number) => {
      calls.push(`force ${pathOf(file)}`);
      fs.fdatasyncSync(file);
    },
    renameSync: (from: string, to: string) => {
      calls.push(`rename ${from} ${to}`);
      fs.renameSync(from, to);
    },
  };
  return { ...spied, default: spied };
});

test.runIf(process.platform === 'linux')(
  'a start forces the file, then names it, then forces the name, and the witness after it',
  () => {
    using dir = tempDir();
    calls.length = 0;
    openStore(dir.path).close();
    const path = dir.file('decisions-1.db');
    expect(calls.slice(0, 3)).toEqual([
      `force ${path}.tmp`,
      `rename ${path}.tmp ${path}`,
      `force ${dir.path}`,
    ]);
    expect(calls.slice(3)).toContain(`force ${dir.file('tip')}`);
  },
);

test.runIf(process.platform === 'linux')(
  'the names of all folders that were made are forced',
  () => {
    using dir = tempDir();
    calls.length = 0;
    prepareFolder(dir.file('a/b/c'));
    expect(calls).toEqual([
      `force ${dir.file('a/b')}`,
      `force ${dir.file('a')}`,
      `force ${dir.path}`,
    ]);
  },
);

test.runIf(process.platform === 'linux')(
  'a mirror is forced before it is named, then its name, and each group before it is answered',
  () => {
    using dir = tempDir();
    const mirror = dir.file('mirror');
    calls.length = 0;
    const open = openStore(dir.file('log'), { mirror });
    const from = calls.indexOf(`force ${mirror}.tmp`);
    expect(calls.slice(from, from + 3)).toEqual([
      `force ${mirror}.tmp`,
      `rename ${mirror}.tmp ${mirror}`,
      `force ${dir.path}`,
    ]);
    open.decide(1);
    calls.length = 0;
    open.decide(2);
    expect(calls).toEqual([`force ${mirror}`]);
    open.close();
  },
);
