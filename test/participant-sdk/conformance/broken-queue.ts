import type { OpenBranch, Resource, ResourceHost } from '@unanimous/participant-sdk';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import type { SqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import { conformanceSubject } from '../sqlite-queue/conformance-subject.ts';

/** Methods to put in place of an instance's own. */
export type Defects = (queue: SqliteQueue) => Partial<Resource>;

/** The queue in a file, with a defect. Children are left out: they would have a sound one. */
export function brokenQueue(file: string, defects: Defects): ConformanceSubject<SqliteQueue> {
  const { child: _, ...whole } = conformanceSubject(file);
  return {
    ...whole,
    make: async (rm) => {
      const queue = await whole.make(rm);
      return replaced(queue, defects(queue));
    },
  };
}

/** Lets the branches of a queue do otherwise. */
export function withBranches(
  queue: SqliteQueue,
  defects: (branch: OpenBranch & { stage?(message: unknown): void }) => object,
): Partial<Resource> {
  const attach = (host: ResourceHost) =>
    queue.attach({
      doom: (id, reason) => host.doom(id, reason),
      branch: (open) =>
        host.branch((id) => {
          const branch = open(id);
          return replaced(branch, defects(branch));
        }),
    });
  return { attach };
}

function replaced<T extends object>(whole: T, parts: object): T {
  return new Proxy(whole, {
    get(target, name) {
      const found: unknown = Reflect.get(parts, name) ?? Reflect.get(target, name, target);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}
