import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { fc } from '../support/fast-check.ts';
import { expect, test } from 'vitest';
import {
  type CoordinatorFrame,
  coordinatorService,
  newPeerFrame,
  type PeerFrame,
  protoDir,
} from '../../proto/src/index.ts';
import { loaderOptions } from '../../proto/src/loader-options.ts';
import { messageArbitrary } from './message-arbitrary.ts';

// What speaks with us is written with other libraries: both read what the other has written.
const contract = loadSync('unanimous/v1/coordinator.proto', {
  ...loaderOptions,
  includeDirs: [protoDir],
});
const theirs = (contract['unanimous.v1.Coordinator'] as ServiceDefinition)['Session'];
const ours = coordinatorService.Session;

test("a peer's frame reads the same in the usual library, and from it", () => {
  fc.assert(
    fc.property(messageArbitrary<PeerFrame>('PeerFrame'), (frame) => {
      expect(theirs?.requestDeserialize(ours.requestSerialize(frame))).toEqual(frame);
      expect(ours.requestDeserialize(theirs?.requestSerialize(frame) as Buffer)).toEqual(frame);
    }),
  );
});

test("a coordinator's frame reads the same in the usual library, and from it", () => {
  fc.assert(
    fc.property(messageArbitrary<CoordinatorFrame>('CoordinatorFrame'), (frame) => {
      expect(theirs?.responseDeserialize(ours.responseSerialize(frame))).toEqual(frame);
      expect(ours.responseDeserialize(theirs?.responseSerialize(frame) as Buffer)).toEqual(frame);
    }),
  );
});

test.each([
  ['short', 'a'],
  ['as long as one byte can say, and longer', 'a'.repeat(127)],
  ['longer', 'a'.repeat(128)],
  ['long', 'ä€😀'.repeat(40_000)],
  ['not ASCII from its last letter on', `${'a'.repeat(100)}ä`],
])('a text that is %s arrives as it left, with what stands around it', (_, message) => {
  const reason = { code: 'aborted', message, hint: message, rm: 'db', retryable: true };
  const frame = { ...newPeerFrame(), aborts: [1, 2].map((ref) => ({ ref, gid: 'x-1-1', reason })) };
  expect(ours.requestDeserialize(ours.requestSerialize(frame))).toEqual(frame);
});
