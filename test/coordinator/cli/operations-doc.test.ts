import { readFileSync } from 'node:fs';
import { defaultLimits } from '@unanimous/coordinator';
import { expect, test } from 'vitest';
import { exitCodes } from '../../../coordinator/src/cli/exit-codes.ts';
import { stateNames } from '../../../coordinator/src/views.ts';
import { runHere } from './cli-process.ts';

const doc = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
const commands = ['serve', 'list', 'show', 'resolve', 'status', 'log verify'];

test.each(commands)('docs/operations.md tells of each flag of %s', async (command) => {
  const { stdout } = await runHere([...command.split(' '), '--help']);
  const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag);
  expect(flags.length).toBeGreaterThan(1);
  const untold = flags.filter((flag) => flag !== '--help' && !doc.includes(`${flag}`));
  expect(untold).toEqual([]);
});

test('docs/operations.md names no flag that there is not', async () => {
  const helps = await Promise.all(
    commands.map((command) => runHere([...command.split(' '), '--help'])),
  );
  const known = helps.map(({ stdout }) => stdout).join('\n');
  const named = new Set([...doc.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag));
  expect([...named].filter((flag) => !known.includes(flag))).toEqual([]);
});

test('docs/operations.md has the exit codes, the states and the defaults', () => {
  for (const code of Object.values(exitCodes)) expect(doc).toContain(`\n| ${code} | `);
  for (const state of [...stateNames, 'expired']) expect(doc).toContain(`\n| \`${state}\` | `);
  for (const value of Object.values(defaultLimits)) expect(doc).toContain(String(value));
});
