import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { generateProto } from '../../scripts/generate-proto.ts';
import { tempDir } from '../support/temp-dir.ts';

const generatedDir = fileURLToPath(new URL('../../proto/src/generated/', import.meta.url));

function readTree(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return Object.fromEntries(
    files.map((file) => [file.slice(dir.length).replace(/^\//, ''), readFileSync(file, 'utf8')]),
  );
}

test('the generated types are those of the .proto files (else: npm run proto:generate)', () => {
  using dir = tempDir();
  const fresh = dir.file('generated');
  generateProto(fresh);
  expect(readTree(fresh)).toEqual(readTree(generatedDir));
});
