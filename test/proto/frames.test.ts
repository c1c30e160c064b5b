import { fc } from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  adminService,
  boundsOfCoordinatorFrame,
  boundsOfPeerFrame,
  type CoordinatorFrame,
  coordinatorService,
  countMessages,
  isEmpty,
  newCoordinatorFrame,
  newPeerFrame,
  type PeerFrame,
} from '../../proto/src/index.ts';
import { messageArbitrary } from './message-arbitrary.ts';

const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
  coordinatorService.Session;

describe('a frame off the wire equals the frame in memory', () => {
  test("a peer's", () => {
    fc.assert(
      fc.property(messageArbitrary<PeerFrame>('PeerFrame'), (frame) => {
        expect(requestDeserialize(requestSerialize(frame))).toEqual(frame);
      }),
    );
  });

  test("a coordinator's", () => {
    fc.assert(
      fc.property(messageArbitrary<CoordinatorFrame>('CoordinatorFrame'), (frame) => {
        expect(responseDeserialize(responseSerialize(frame))).toEqual(frame);
      }),
    );
  });

  test('an empty one', () => {
    expect(requestDeserialize(Buffer.alloc(0))).toEqual(newPeerFrame());
    expect(responseDeserialize(Buffer.alloc(0))).toEqual(newCoordinatorFrame());
  });
});

test('a unary message off the wire equals the one in memory', () => {
  fc.assert(
    fc.property(messageArbitrary<object>('StatusReply'), (reply) => {
      const { responseSerialize: write, responseDeserialize: read } = adminService.Status;
      expect(read(write(reply))).toEqual(reply);
    }),
  );
});

test('new frames are empty, and each field makes a frame not empty', () => {
  expect(isEmpty(newPeerFrame())).toBe(true);
  expect(isEmpty(newCoordinatorFrame())).toBe(true);
  expect(isEmpty({ ...newCoordinatorFrame(), draining: true })).toBe(false);
  fc.assert(
    fc.property(messageArbitrary<PeerFrame>('PeerFrame'), (frame) => {
      expect(isEmpty(frame)).toBe(frame.hello === null && countMessages(frame) === 0);
    }),
  );
});

test('new frames share nothing', () => {
  const frame = newPeerFrame();
  frame.asks.push({ ref: 1, gid: '' });
  expect(newPeerFrame().asks).toEqual([]);
});

describe('a bound is never below the size on the wire', () => {
  test.each(Object.entries(boundsOfPeerFrame))("of a peer's %s", (kind, bound) => {
    fc.assert(
      fc.property(messageArbitrary<PeerFrame>('PeerFrame'), (frame) => {
        for (const message of frame[kind as keyof typeof boundsOfPeerFrame]) {
          const alone = requestSerialize({ ...newPeerFrame(), [kind]: [message] });
          expect(bound(message as never)).toBeGreaterThanOrEqual(alone.byteLength);
        }
      }),
    );
  });

  test.each(Object.entries(boundsOfCoordinatorFrame))("of a coordinator's %s", (kind, bound) => {
    fc.assert(
      fc.property(messageArbitrary<CoordinatorFrame>('CoordinatorFrame'), (frame) => {
        for (const message of frame[kind as keyof typeof boundsOfCoordinatorFrame]) {
          const alone = responseSerialize({ ...newCoordinatorFrame(), [kind]: [message] });
          expect(bound(message as never)).toBeGreaterThanOrEqual(alone.byteLength);
        }
      }),
    );
  });
});
