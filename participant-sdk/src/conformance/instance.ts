import type { Resource, ResourceHost, RmIdentity } from '../resource.ts';
import { currentScope } from '../participant/scope.ts';
import { bounded } from './bounded.ts';
import { ConformanceError, wordsOf } from './conformance-error.ts';
import type { Trial } from './trial.ts';

/** A served resource, as one process has it. */
export interface Instance<R extends Resource = Resource> {
  readonly resource: R;
  readonly rm: string;
  readonly identity: RmIdentity;
  /** Transactions by the runtime's own object for them. */
  readonly trials: WeakMap<object, Trial<R>>;
}

/** Attaches a resource and opens it. */
export async function serve<R extends Resource>(resource: R, rm: string): Promise<Instance<R>> {
  const trials = new WeakMap<object, Trial<R>>();
  const all = new Map<string, Trial<R>>();
  const host: ResourceHost = {
    branch: (open) => {
      const transaction = currentScope()?.transaction;
      const trial = transaction && trials.get(transaction);
      if (!trial) return undefined;
      all.set(keyOf(trial.id), trial);
      return trial.enlist(open);
    },
    doom: (id, why) => all.get(keyOf(id))?.doom(why),
  };
  resource.attach(host);
  return { resource, rm, trials, identity: await openResource(resource) };
}

/** Opens a resource, for the first time or again. */
async function openResource(resource: Resource): Promise<RmIdentity> {
  try {
    return await bounded('open()', resource.open());
  } catch (error) {
    if (error instanceof ConformanceError) throw error;
    throw new ConformanceError(
      `open() threw: ${wordsOf(error)}`,
      'start the target that the subject makes resources for, or follow what the error says',
      error,
    );
  }
}

function keyOf(id: { readonly gid: string; readonly branch: number }): string {
  return `${id.gid} ${id.branch}`;
}
