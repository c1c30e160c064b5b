import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tempDir } from './temp-dir.ts';

test('a temp dir is removed with what is in it when its scope ends', () => {
  let path: string;
  {
    using dir = tempDir();
    path = dir.path;
    writeFileSync(dir.file('a.txt'), 'a');
    expect(existsSync(dir.file('a.txt'))).toBe(true);
  }
  expect(existsSync(path)).toBe(false);
});
