import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import sdkManifest from '../../participant-sdk/package.json' with { type: 'json' };
import { houseRuleViolations } from './house-rules.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const adapters = Object.keys(sdkManifest.exports)
  .filter((subpath) => subpath !== '.')
  .map((subpath) => subpath.slice('./'.length));

function check(path: string, text: string): string[] {
  return houseRuleViolations({ path, text, adapters }).map((violation) => violation.rule);
}

function sourcePaths(): string[] {
  const roots = ['proto', 'coordinator', 'participant-sdk', 'examples', 'test', 'bench', 'scripts'];
  const isLeftOut = (path: string) =>
    /(^|\/)(node_modules|dist|generated|coverage|\.cache)(\/|$)/.test(path);
  const inRoots = readdirSync(repository, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && roots.includes(entry.name))
    .flatMap((entry) =>
      readdirSync(join(repository, entry.name), { recursive: true }).map(
        (path) => `${entry.name}/${String(path).split(sep).join('/')}`,
      ),
    );
  return inRoots.filter((path) => path.endsWith('.ts') && !isLeftOut(path));
}

describe('the sources', () => {
  test('follow the house rules', () => {
    const violations = sourcePaths().flatMap((path) =>
      houseRuleViolations({ path, text: readFileSync(join(repository, path), 'utf8'), adapters }),
    );
    const report = violations.map(
      ({ file, line, rule, remedy }) => `${file}:${line}: ${rule}. Instead: ${remedy}.`,
    );
    expect(report, `\n${report.join('\n')}\n`).toEqual([]);
  });

  test('are all found', () => {
    expect(sourcePaths()).toContain('test/style/house-rules.test.ts');
    expect(sourcePaths()).toContain('participant-sdk/src/index.ts');
  });
});

describe('imports', () => {
  test.each([
    ['coordinator/src/a.ts', "import { x } from '@unanimous/participant-sdk';"],
    ['coordinator/src/a.ts', "import type { X } from '@unanimous/participant-sdk/postgres';"],
    ['proto/src/a.ts', "export * from '@unanimous/coordinator';"],
    ['proto/src/a.ts', "type X = import('@unanimous/participant-sdk').X;"],
    ['examples/a.ts', "import { x } from '@unanimous/coordinator';"],
    ['examples/a/b.ts', "import { x } from '../../test/support/free-port.ts';"],
  ])('%s may not: %s', (path, text) => {
    expect(check(path, text)).toEqual([expect.stringMatching(/does not import/)]);
  });

  test.each([
    ['examples/a.ts', "import { x } from '@unanimous/participant-sdk/postgres';"],
    ['coordinator/src/a.ts', "import { x } from '@unanimous/proto';"],
    ['test/a.test.ts', "import { x } from '../coordinator/src/protocol/step.ts';"],
    ['bench/a.ts', "import { x } from '@unanimous/coordinator';"],
    ['participant-sdk/src/client/embedded.ts', "await import('@unanimous/coordinator/embedded');"],
  ])('%s may: %s', (path, text) => {
    expect(check(path, text)).toEqual([]);
  });

  test.each([
    ['participant-sdk/src/client/embedded.ts', "import { x } from '@unanimous/coordinator';"],
    ['participant-sdk/src/client/other.ts', "await import('@unanimous/coordinator/embedded');"],
  ])('the SDK reaches the coordinator by one dynamic import only: %s: %s', (path, text) => {
    expect(check(path, text)).toEqual(['the SDK does not import the coordinator']);
  });

  test('a package is not reached around its exports', () => {
    const text = "import { x } from '../../proto/src/gid.ts';";
    expect(check('coordinator/src/a.ts', text)).toEqual(['packages are imported by name']);
  });

  test('adapters do not import each other', () => {
    const rule = ['adapters do not import each other'];
    const file = 'participant-sdk/src/postgres/branch.ts';
    expect(check(file, "import { x } from '../sqlite-queue/queue.ts';")).toEqual(rule);
    expect(check(file, "import { x } from '../grpc.ts';")).toEqual(rule);
    expect(check(file, "import { x } from '@unanimous/participant-sdk/http';")).toEqual(rule);
    expect(check(file, "import { x } from '../logged/effect.ts';")).toEqual([]);
  });
});

describe('protocol folders', () => {
  test.each([
    "import { join } from 'node:path';",
    "import { x } from '../log/record.ts';",
    "import { x } from '@grpc/grpc-js';",
    "import { x } from '@unanimous/proto/unanimous/v1/a.proto';",
  ])('do not import from outside: %s', (text) => {
    const rule = 'protocol/ imports nothing but itself and @unanimous/proto/vocabulary';
    expect(check('coordinator/src/protocol/step.ts', text)).toEqual([rule]);
    expect(check('participant-sdk/src/protocol/step.ts', text)).toEqual([rule]);
  });

  test('may import themselves and the vocabulary', () => {
    const text =
      "import { a } from './decide.ts'; import type { Gid } from '@unanimous/proto/vocabulary';";
    expect(check('coordinator/src/protocol/step.ts', text)).toEqual([]);
  });

  test.each([
    ['Date.now()', 'Date.now'],
    ['new Date()', 'Date'],
    ['Math.random()', 'Math.random'],
    ['setTimeout(f, 1)', 'setTimeout'],
    ['performance.now()', 'performance.now'],
    ['new Promise(f)', 'Promise'],
    ['await f()', 'await'],
    ['process.exit(1)', 'process'],
    ["console.log('x')", 'console'],
    ['class A {}', 'class'],
  ])('are pure, so they do not say %s', (text, name) => {
    expect(check('coordinator/src/protocol/a.ts', text)).toEqual([`protocol/ is pure: no ${name}`]);
    expect(check('coordinator/src/driver.ts', text)).toEqual([]);
  });
});

describe('names and exports', () => {
  test.each(['utils.ts', 'helpers.ts', 'types.ts'])('no file is named %s', (name) => {
    expect(check(`coordinator/src/log/${name}`, '')).toEqual([`no file named ${name}`]);
  });

  test('files are kebab-case, and the failure says how', () => {
    const [violation] = houseRuleViolations({ path: 'test/BadName.test.ts', text: '', adapters });
    expect(violation).toMatchObject({ line: 1, remedy: 'rename it to bad-name.test.ts' });
    expect(check('test/good-name2.features.ts', '')).toEqual([]);
  });

  test('no default exports, but in the configuration that tools demand', () => {
    expect(check('proto/src/a.ts', 'export default 1;')).toEqual(['no default exports']);
    expect(check('bench/vitest.config.ts', 'export default 1;')).toEqual([]);
  });

  test('no enums', () => {
    expect(check('proto/src/a.ts', 'export enum A { B }')).toEqual(['no enums']);
    expect(check('proto/src/a.ts', 'declare const enum A { B }')).toEqual(['no enums']);
  });
});
