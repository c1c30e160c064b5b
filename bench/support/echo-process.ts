// Answers the frames of a session as a coordinator would in the best case: the same messages, and
// nothing behind them, neither a state machine nor a log. The outcome follows the acknowledgements, two
// round trips in all, as where a transaction works in several processes and no coordinator on this
// transport can beat it. One that stays in a process has its outcome with the commits, and says the
// rest with the next one: of the second round trip only the messages are left.
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  boundsOfCoordinatorFrame,
  type CoordinatorFrame,
  coordinatorService,
  FrameWriter,
  newCoordinatorFrame,
  type Outcome,
  type PeerFrame,
} from '@unanimous/proto';
import { echoedBranches } from './echoed-branches.ts';

/** Answers that a transaction still waits for. */
interface Waited {
  readonly ref: number;
  acknowledgements: number;
}

const position = {
  logId: '0123456789ab',
  epoch: 1,
  nonce: '0'.repeat(16),
  seq: 1,
  chain: '0'.repeat(32),
};
const facts = {
  receipt: '',
  redo: Buffer.alloc(0),
  epoch: 1,
  seq: 1,
  lowWaterSeq: 1,
  incarnation: '1',
};
const outcome: Omit<Outcome, 'ref' | 'gid'> = {
  kind: 'OUTCOME_COMMITTED',
  applied: true,
  pending: [],
  reason: null,
  heuristics: [],
};

function echo(call: ServerDuplexStream<PeerFrame, CoordinatorFrame>): void {
  const writer = new FrameWriter<CoordinatorFrame>({
    newFrame: newCoordinatorFrame,
    bounds: boundsOfCoordinatorFrame,
    write: (frame) => call.write(frame),
    complete: (frame) => {
      if (frame.commits.length > 0) frame.position = position;
    },
    onOverflow: () => call.end(),
  });
  const waited = new Map<string, Waited>();
  let counter = 0;
  call.on('drain', () => writer.drained());
  call.on('end', () => call.end());
  call.on('error', () => writer.close());
  call.on('data', (frame: PeerFrame) => {
    for (const { gid } of frame.acknowledgements) {
      const one = waited.get(gid);
      if (!one || ++one.acknowledgements < echoedBranches.length) continue;
      waited.delete(gid);
      writer.add('outcomes', { ref: one.ref, gid, ...outcome });
    }
    for (const { ref } of frame.begins) {
      counter += 1;
      writer.add('begun', { ref, gid: `0123456789ab-1-${counter}`, remainingMs: 10_000 });
    }
    for (const { ref, gid } of frame.wholes) {
      waited.set(gid, { ref, acknowledgements: 0 });
      for (const branch of echoedBranches) {
        writer.add('commits', { gid, ...branch, kind: 'COMMIT_PREPARED', ...facts });
      }
    }
  });
}

const server = new Server();
server.addService(coordinatorService, { Session: echo });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`echo ready on 127.0.0.1:${port}`);
});
