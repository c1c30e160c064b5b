import { type CoordinatorFrame, newCoordinatorFrame, type PeerFrame } from '@unanimous/proto';
import type {
  Connection,
  ConnectionListener,
  Transport,
} from '../../../participant-sdk/src/session/transport.ts';

/** One connection to a ScriptedCoordinator. */
export interface ScriptedConnection {
  readonly heard: PeerFrame[];
  readonly say: (messages: Partial<CoordinatorFrame>) => void;
  readonly end: (error?: Error) => void;
}

export const logId = '4f1c9a7be203';

/** A coordinator that does what a test says: each frame goes to `answer`, frame by frame. */
export class ScriptedCoordinator implements Transport {
  readonly address = 'scripted';
  readonly connections: ScriptedConnection[] = [];
  /** What to answer to a frame; `welcome` and `serve` for the usual. */
  answer: (frame: PeerFrame, connection: ScriptedConnection) => void = obliging;
  /** What a write says: false, the receiver is slow. */
  isFast = true;
  isClosed = false;

  connect(listener: ConnectionListener): Connection {
    let isOver = false;
    const over = (error?: Error): void => {
      if (isOver) return;
      isOver = true;
      listener.closed(error);
    };
    const connection: ScriptedConnection = {
      heard: [],
      say: (messages) => {
        setImmediate(() => !isOver && listener.frame({ ...newCoordinatorFrame(), ...messages }));
      },
      end: (error) => void setImmediate(() => over(error)),
    };
    this.connections.push(connection);
    return {
      write: (frame) => {
        connection.heard.push(frame);
        if (!isOver) this.answer(frame, connection);
        if (!this.isFast) setImmediate(() => !isOver && listener.drained());
        return this.isFast;
      },
      close: () => void setImmediate(() => over()),
    };
  }

  /** All messages of a kind that were heard on any connection. */
  heard<K extends keyof PeerFrame>(kind: K): PeerFrame[K][] {
    return this.connections.flatMap(({ heard }) => heard.map((frame) => frame[kind]));
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

let counter = 0;

/** Answers as a coordinator does where all goes well, up to the commit. */
export function obliging(frame: PeerFrame, { say }: ScriptedConnection): void {
  if (frame.hello) {
    say({
      welcome: {
        protocol: 1,
        coordinator: 'scripted',
        logId,
        epoch: 1,
        session: 1,
        maxPayloadBytes: 1_000,
        maxBranches: 64,
        maxTimeoutMs: 60_000,
      },
    });
  }
  for (const { ref, rm } of frame.serves) say({ served: [{ ref, rm }] });
  for (const { ref, timeoutMs } of frame.begins) {
    say({ begun: [{ ref, gid: `${logId}-1-${++counter}`, remainingMs: timeoutMs }] });
  }
  for (const { ref } of frame.enlists) {
    say({ enlisted: [{ ref, branch: 1, remainingMs: 10_000 }] });
  }
}
