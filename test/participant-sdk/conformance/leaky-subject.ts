import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { type DefinedResource, defineResource } from '@unanimous/participant-sdk';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { sourceArgv } from '../support/source-argv.ts';
import type { Put } from './broken-cells.ts';

/** What is wrong, and the file in which lines are appended. */
export interface LeakyInput {
  readonly file: string;
  /** Leaves a timer behind, or returns from `apply` before it has written. */
  readonly defect: 'keeps a timer' | 'writes later';
}

/** Defects that show only in a process of its own. */
export function conformanceSubject(input: LeakyInput): ConformanceSubject<DefinedResource<Put>> {
  const { file, defect } = input;
  const lines = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Put & { id: string })
      : [];
  return {
    kind: 'logged',
    make: (rm) => {
      if (defect === 'keeps a timer') setInterval(() => {}, 1_000);
      return defineResource<Put>({
        rm,
        apply(effect, { id }) {
          const write = () => {
            if (lines().some((line) => line.id === id)) return;
            appendFileSync(file, `${JSON.stringify({ id, ...effect })}\n`);
          };
          if (defect === 'writes later') setTimeout(write, 200);
          else write();
        },
      });
    },
    write: (resource, key, text) => resource.write({ key, text }),
    read: async (key) => lines().flatMap((line) => (line.key === key ? [line.text ?? ''] : [])),
    child: { module: import.meta.url, input, execArgv: sourceArgv },
  };
}
