import type { ServiceError } from '@grpc/grpc-js';
import { type Outcome, UnanimousError } from '@unanimous/proto';
import type { UnaryHandlers } from '../../coordinator/src/api/unary.ts';
import type { Simulation } from './simulation.ts';
import type { SimProcess } from './sim-process.ts';

/** What the methods of the unary API answer, as it arrives. */
interface Replies {
  Begin: { readonly gid: string; readonly owner: string };
  Enlist: { readonly branch: number };
  Commit: Outcome;
  Abort: Outcome;
  Get: Outcome;
}

/** What a method takes. */
type RequestOf<M extends keyof Replies> = Parameters<UnaryHandlers[M]>[0]['request'];

/** Longest wait for an answer. */
const callTimeoutMs = 2_000;

/**
 * Calls a method of the unary API as gRPC would: request or answer may be lost, and a client that
 * has given up or died cancels the call.
 * @throws UnanimousError `unreachable` without an answer, else what the coordinator refuses with.
 */
export function callUnary<M extends keyof Replies>(
  simulation: Simulation,
  caller: SimProcess,
  method: M,
  request: RequestOf<M>,
): Promise<Replies[M]> {
  const { clock, coordinatorNode, ledger, oldLog, plan, random, rates, tell } = simulation;
  const { netMs } = plan.world;
  return new Promise((resolve, reject) => {
    if (!caller.effect('call')) return;
    let cancel = () => {};
    const callOff = caller.after(callTimeoutMs, () => {
      cancel();
      reject(new UnanimousError('unreachable', `${method} brought no answer`));
    });
    if (random.chance(rates().loseCall)) return;
    clock.later(random.delay(netMs / 4, netMs), () => {
      const unary = coordinatorNode.unary;
      const refuse = (error: Error) => caller.later(netMs, () => reject(error));
      if (!unary?.process.isAlive) {
        refuse(new UnanimousError('unreachable', 'connection refused'));
        return;
      }
      unary.process.run(() => {
        tell?.(`${caller.name} calls ${method} ${(request as { gid?: string }).gid ?? ''}`.trim());
        const callback = (error: Partial<ServiceError> | null, reply?: unknown) => {
          if (oldLog.isBusy) {
            const { gid } = { ...request, ...(reply as object) } as { gid?: string };
            if (gid !== undefined) ledger.strays.add(gid);
          }
          if (reply && (method === 'Commit' || method === 'Abort' || method === 'Get')) {
            ledger.answered(reply as Outcome); // heard or not, it was said
          }
          if (!unary.process.effect('call') || random.chance(rates().loseCall)) return;
          caller.later(random.delay(netMs / 4, netMs), () => {
            callOff();
            if (error) reject(new UnanimousError('unreachable', error.details ?? 'refused'));
            else resolve(reply as Replies[M]);
          });
        };
        const call = {
          request,
          on: (_event: 'cancelled', endWait: () => void) => {
            cancel = () => unary.process.run(endWait);
          },
        };
        unary.handlers[method](call as never, callback);
      });
    });
  });
}
