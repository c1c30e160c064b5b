import { type AdminHandlers, type ResolveRequest, UnanimousError } from '@unanimous/proto';
import type { Resolution } from '../protocol/record.ts';
import { isStateName, stateNames } from '../views.ts';
import { answering, type MethodsOf } from './methods.ts';
import type { ApiOptions } from './unary.ts';

const defaultListLimit = 100;
const maxListLimit = 1_000;

const resolutions: Record<ResolveRequest['resolution'], Resolution | undefined> = {
  RESOLUTION_UNSPECIFIED: undefined,
  RESOLVED_COMMITTED: 'committed',
  RESOLVED_ROLLED_BACK: 'rolled-back',
  RESOLVED_ABANDONED: 'abandoned',
};

/** The service Admin: what operators ask, and their word on a branch that is stuck. */
export function adminHandlers({ running, logger }: ApiOptions): MethodsOf<AdminHandlers> {
  return {
    Status: answering(logger, () => running().operations.status()),
    List: answering(logger, ({ states, limit, after }) => {
      for (const state of states) checkState(state);
      const atMost = Math.min(limit || defaultListLimit, maxListLimit);
      return running().operations.list(states, atMost, after);
    }),
    Show: answering(logger, ({ gid }) => running().operations.show(gid)),
    Resolve: answering(logger, ({ gid, branch, resolution: wire, ...by }) => {
      const resolution = resolutions[wire];
      if (resolution === undefined) {
        throw new UnanimousError('invalid-argument', 'resolution: none is set');
      }
      const { operator, reason } = by;
      return running().operations.resolve(gid, branch, resolution, { operator, reason });
    }),
  };
}

function checkState(state: string): void {
  if (isStateName(state)) return;
  const known = stateNames.join(', ');
  const message = `states: ${JSON.stringify(state.slice(0, 80))} is none of ${known}`;
  throw new UnanimousError('invalid-argument', message);
}
