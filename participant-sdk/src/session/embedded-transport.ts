import type { CoordinatorFrame, PeerFrame } from '@unanimous/proto';
import type { Connection, Transport } from './transport.ts';

/** A coordinator in this process, as `@unanimous/coordinator/embedded` starts it. */
export interface EmbeddedCoordinator {
  connect(listener: { frame(frame: CoordinatorFrame): void; closed(error?: Error): void }): {
    write(frame: PeerFrame): boolean;
    close(): void;
  };
  close(): Promise<void>;
}

/** Frames go from hand to hand, each in a turn of its own, as over a network. */
export function embeddedTransport(coordinator: EmbeddedCoordinator): Transport {
  return {
    address: 'embedded',
    connect: (listener): Connection => {
      let isOver = false;
      const over = (error?: Error): void => {
        if (isOver) return;
        isOver = true;
        listener.closed(error);
      };
      const link = coordinator.connect({
        frame: (frame) => {
          if (!isOver) listener.frame(frame);
        },
        closed: over,
      });
      return {
        write: (frame) => {
          const isFast = link.write(frame);
          // Nobody tells when a coordinator in the same process has caught up: its next turn will do.
          if (!isFast) setImmediate(() => !isOver && listener.drained());
          return isFast;
        },
        close: () => {
          // In a later turn, so that what was written still arrives.
          setImmediate(() => {
            link.close();
            over();
          });
        },
      };
    },
    close: () => coordinator.close(),
  };
}
