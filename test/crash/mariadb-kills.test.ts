import { expect } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { runMariadbKills } from './support/mariadb-run.ts';

serverOrSkip('mariadb', 'postgres').test(
  'with service, coordinator and MariaDB killed at random both tables hold what was decided',
  async () => {
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    const result = await runMariadbKills({ entries: 40, kills: 3, seed: 20, say });
    expect(result.violations).toEqual([]);
    expect(result.committed).toBeGreaterThan(2);
    expect(result.aborted).toBeGreaterThan(0);
  },
  180_000,
);
