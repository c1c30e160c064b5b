import { expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { soak } from './support/soak-run.ts';

const kills = 10;

serverOrSkip('postgres').describe('random kills under load', () => {
  test('lose nothing, double nothing and leave nothing prepared', {
    timeout: 120_000,
  }, async () => {
    const lines: string[] = [];
    const seed = Date.now() % 1_000_000;
    const result = await soak({ seed, minutes: 0.3, kills, say: (line) => lines.push(line) });
    const again = `npm run soak -- --kills ${kills} --seed ${seed}\n${lines.join('\n')}`;
    expect(result.violations, again).toEqual([]);
    expect(result.placed, again).toBeGreaterThan(0);
    expect(result.kills, again).toBeGreaterThan(0);
  });
});
