import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { cell, crashRows, faults, senseless } from './support/crash-table.ts';
import { diskRows } from './support/disk-rows.ts';
import { catalogue, failpointsInSources } from './support/catalogue.ts';

describe('the failpoints', () => {
  test('stand in the sources once each, and no others do', () => {
    const found = failpointsInSources();
    expect([...found.keys()].toSorted()).toEqual(catalogue.toSorted());
    expect([...found].filter(([, count]) => count !== 1)).toEqual([]);
  });

  test('have a row each in the table of kills', () => {
    const covered = new Set(crashRows.map(({ point }) => point));
    expect(catalogue.filter((name) => !covered.has(name))).toEqual([]);
    expect([...covered].filter((name) => !catalogue.includes(name))).toEqual([]);
  });

  test.each(faults)('have a row each for a %s, or a reason for none', (fault) => {
    const isMissing = (point: string) => cell(crashRows, point, fault).length === 0;
    const hasReason = (point: string) => senseless[fault]?.[point] !== undefined;
    expect(catalogue.filter((point) => isMissing(point) !== hasReason(point))).toEqual([]);
  });

  test('of the coordinator have a power cut each', () => {
    const cut = new Set(diskRows.filter(({ power }) => power === 'lost').map(({ point }) => point));
    expect(catalogue.filter((name) => /^(c|log)\./.test(name) && !cut.has(name))).toEqual([]);
  });

  test('mean nothing to a process that was told a folder but not given the hook', () => {
    const program = `
      import { failpoint } from '@unanimous/proto/vocabulary';
      failpoint('c.begin.before-reply');
      console.log('alive');`;
    const args = ['--conditions=@unanimous/source', '--import', 'tsx', '--input-type=module'];
    const env = { ...process.env, UNANIMOUS_FAILPOINTS: '/nowhere' };
    const { stdout } = spawnSync(process.execPath, [...args, '-e', program], {
      env,
      encoding: 'utf8',
    });
    expect(stdout).toBe('alive\n');
  });
});
