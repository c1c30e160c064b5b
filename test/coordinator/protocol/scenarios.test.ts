import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { expect, test } from 'vitest';
import { playScenario } from './scenario.ts';

const folder = new URL('./scenarios/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));

/** What a scenario prints is reviewed as a diff: UPDATE_SCENARIOS=1 rewrites the files. */
test.for(names)('scenario %s', (name) => {
  const file = new URL(name, folder);
  const text = readFileSync(file, 'utf8');
  const played = playScenario(text);
  if (env['UPDATE_SCENARIOS'] === '1') writeFileSync(file, played);
  else expect(played).toBe(text);
});

test('there are scenarios', () => {
  expect(names.length).toBeGreaterThanOrEqual(14);
});
