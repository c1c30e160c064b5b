import { adminService, coordinatorService, UnanimousError } from '@unanimous/proto';
import { expect, test } from 'vitest';
import { apiHandlers } from '../../../coordinator/src/api/grpc-server.ts';
import { silent } from '../../../coordinator/src/log-events.ts';
import { realWorld } from '../../../coordinator/src/world.ts';

const running = () => {
  throw new UnanimousError('not-active', 'none');
};
const handlers = apiHandlers({ running, logger: silent }, { logger: silent, world: realWorld });

test.each([
  ['Coordinator', Object.keys(coordinatorService), Object.keys(handlers.coordinator)],
  ['Admin', Object.keys(adminService), Object.keys(handlers.admin)],
])('each method of %s has a handler, and each handler a method', (_service, methods, handled) => {
  expect(methods).not.toEqual([]);
  expect(handled.toSorted()).toEqual(methods.toSorted());
});
