import { defineResource, type DefinedResource, type Resource } from '@unanimous/participant-sdk';
import {
  type ConformanceError,
  conformanceCases,
  type ConformanceSubject,
} from '@unanimous/participant-sdk/conformance';
import { afterAll, describe, expect, test } from 'vitest';
import type {
  BranchId,
  Decided,
  OpenBranch,
  PrepareResult,
  ResourceHost,
} from '@unanimous/participant-sdk';
import { tempDir } from '../../support/temp-dir.ts';
import { conformanceSubject as queueSubject } from '../sqlite-queue/conformance-subject.ts';

// Resources with one defect each: the kit must notice, and say what to mend. Children are left out,
// since nothing of these is about them.

const dir = tempDir();
afterAll(() => dir.remove());

interface Failure {
  readonly name: string;
  readonly error: ConformanceError;
}

async function failuresOf<R extends Resource>(subject: ConformanceSubject<R>): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const { name, run } of conformanceCases(subject)) {
    await run().catch((error: unknown) =>
      failures.push({ name, error: error as ConformanceError }),
    );
  }
  for (const { name, error } of failures)
    expect(error.name, `${name}: ${error}`).toBe('ConformanceError');
  return failures;
}

/** The queue, with some of its methods put in place of by others. */
function brokenQueue(file: string, defects: (queue: Resource) => Partial<Resource>) {
  const { child: _, make, ...whole } = queueSubject(dir.file(file));
  return {
    ...whole,
    make: async (rm: string) => {
      const queue = await make(rm);
      const replaced = defects(queue);
      return new Proxy(queue, {
        get(target, name) {
          const found: unknown =
            Reflect.get(replaced, name) ?? (Reflect.get(target, name, target) as unknown);
          return typeof found === 'function' ? found.bind(target) : found;
        },
      });
    },
  };
}

/** Lets the branches of a resource prepare otherwise. */
function withPrepare(
  queue: Resource,
  prepare: (branch: OpenBranch) => Promise<PrepareResult>,
): Partial<Resource> {
  const wrap = <B extends OpenBranch>(branch: B): B =>
    new Proxy(branch, {
      get(target, name) {
        if (name === 'prepare') return () => prepare(target);
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
  return {
    attach: (host: ResourceHost) =>
      queue.attach({ ...host, branch: (open) => host.branch((id) => wrap(open(id))) }),
  };
}

describe('the kit notices', () => {
  test('a native resource that reports an unknown branch as committed', async () => {
    const failures = await failuresOf(
      brokenQueue('unknown.db', (queue) => ({
        async commit(id: BranchId, decided: Decided) {
          const finished = await queue.commit(id, decided);
          return finished.result === 'unknown' ? { result: 'committed' } : finished;
        },
      })),
    );
    expect(failures.map(({ name }) => name)).toEqual([
      'a branch that was never prepared is no success',
      'a branch that an operator rolled back is told apart',
    ]);
    const [never, byHand] = failures.map(({ error }) => error);
    expect(never?.broken).toMatch(/never prepared was answered committed: a lost write passes/);
    expect(never?.mend).toMatch(/answer "committed" only where a receipt shows it/);
    expect(byHand?.broken).toMatch(/rolled back by hand was answered committed/);
    expect(byHand?.mend).toMatch(/look up by its receipt what became of it/);
  });

  test('a logged resource that is not idempotent', async () => {
    const lines: { readonly key: string; readonly text: string }[] = [];
    const subject: ConformanceSubject<DefinedResource<(typeof lines)[0]>> = {
      kind: 'logged',
      make: (rm) => defineResource({ rm, apply: (line) => void lines.push(line) }),
      write: (resource, key, text) => resource.write({ key, text }),
      read: async (key) => lines.filter((line) => line.key === key).map(({ text }) => text),
    };
    const failures = await failuresOf(subject);
    expect(failures.map(({ name }) => name)).toEqual([
      'commit is idempotent: again, by another instance, and after a close',
      'commit is idempotent: many at the same time',
      'all effects of a branch are applied, in their order, and again without a trace',
      'an effect is still known when all below its place is acknowledged',
    ]);
    expect(failures[0]?.error.broken).toMatch(
      /readers see \["once","once".*\] instead of \["once"\]/,
    );
    expect(failures[0]?.error.mend).toMatch(/make phase two idempotent: .* by its id/);
  });

  test('a native resource that votes yes before it has prepared', async () => {
    const failures = await failuresOf(
      brokenQueue('hasty.db', (queue) =>
        withPrepare(queue, async (branch) => {
          setTimeout(() => void branch.prepare().catch(() => undefined), 30);
          return { vote: 'yes', receipt: '', redo: new Uint8Array() };
        }),
      ),
    );
    const early = failures.find(({ name }) => name.startsWith('votes yes;'));
    expect(early?.error.broken).toMatch(/^scan\(\) right after the vote misses 1 of 1 branches/);
    expect(early?.error.mend).toMatch(/let prepare\(\) resolve only when the branch is durable/);
  });

  test('a native resource whose scan misses branches', async () => {
    const failures = await failuresOf(
      brokenQueue('misses.db', (queue) => ({
        scan: async () => (await queue.scan()).slice(0, 1),
      })),
    );
    expect(failures.map(({ name }) => name)).toEqual([
      'a scan finds what is prepared, by whichever instance, and nothing else',
      'ids at their limits, and ids of which one begins like the other, stay apart',
    ]);
    expect(failures[0]?.error.message).toMatch(
      /misses 2 of 3 branches that voted yes: un1\..*locked for ever\n {2}Mend: .*let scan\(\) list all/,
    );
  });
});
