import { reason } from '@unanimous/proto';
import type { CoordinatorHandlers } from '@unanimous/proto';
import type { Coordinator } from '../coordinator.ts';
import type { Logger } from '../log-events.ts';
import { realWorld, type World } from '../world.ts';
import { answering, type MethodsOf, waiting } from './methods.ts';

/** What the handlers of the API need. */
export interface ApiOptions {
  /** @throws UnanimousError while there is no coordinator that may answer. */
  readonly running: () => Coordinator;
  readonly logger: Logger;
  readonly world?: World;
}

/** The unary methods of the service Coordinator. */
export type UnaryHandlers = Omit<MethodsOf<CoordinatorHandlers>, 'Session'>;

/**
 * The unary API. Who begins a transaction is told a secret, and whoever shows it may enlist, commit
 * and abort; no connection is tied to the transaction, so only its deadline ends an abandoned one.
 */
export function unaryHandlers({ running, logger, world = realWorld }: ApiOptions): UnaryHandlers {
  return {
    Begin: answering(logger, ({ timeoutMs, name }) => {
      const secret = world.randomHex(16);
      return { owner: secret, ...running().begin({ secret }, timeoutMs, name) };
    }),
    Enlist: answering(logger, ({ gid, owner: secret, rm, work }) => {
      const { branch } = running().enlist(gid, { rm, work }, { secret });
      return { branch };
    }),
    Commit: waiting(logger, ({ gid, owner: secret, waitAppliedMs }, answer) =>
      running().commit(gid, { secret }, waitAppliedMs, answer),
    ),
    Abort: waiting(logger, ({ gid, owner: secret, reason: why }, answer) => {
      const given = reason('client-aborted', why || 'the client aborted');
      return running().abort(gid, { secret }, given, answer);
    }),
    Get: answering(logger, ({ gid }) => running().outcome(gid)),
  };
}
