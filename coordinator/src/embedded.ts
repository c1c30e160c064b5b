import type { CoordinatorFrame, PeerFrame } from '@unanimous/proto';
import { Coordinator } from './coordinator.ts';
import type { Limits } from './limits.ts';
import { type Logger, logEvents, silent } from './log-events.ts';
import { SqliteDecisionLog } from './log/sqlite/sqlite-decision-log.ts';

/** Receives what the coordinator says to a peer in the same process. */
export interface EmbeddedListener {
  frame(frame: CoordinatorFrame): void;
  closed(error?: Error): void;
}

/** A peer's end of a session with a coordinator in the same process. */
export interface EmbeddedConnection {
  /** Hands a frame over; true, since nothing is slow here. */
  write(frame: PeerFrame): boolean;
  close(): void;
}

/** A coordinator that lives in the process that uses it. */
export interface EmbeddedCoordinator {
  readonly coordinator: Coordinator;
  connect(listener: EmbeddedListener): EmbeddedConnection;
  close(): Promise<void>;
}

/** What an embedded coordinator is started with. */
export interface EmbeddedOptions {
  /** Folder of the log. It must outlive the process, and one process may use it at a time. */
  readonly dataDir: string;
  /** A file, best on another disk, that holds every record as well: see SqliteLogOptions. */
  readonly mirror?: string;
  /** Go on without the mirror that the log has; recorded in the log. */
  readonly dropMirror?: boolean;
  readonly limits?: Partial<Limits>;
  readonly logger?: Logger;
}

/**
 * Starts a coordinator inside this process, with its log in a folder. Frames are handed over as
 * they are, each in a turn of its own, as a network would.
 * @throws UnanimousError as Coordinator.start does.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedCoordinator> {
  const { dataDir, mirror, dropMirror = false, ...rest } = options;
  const { logger = silent } = rest;
  const where = mirror === undefined ? {} : { mirror };
  const log = new SqliteDecisionLog({ dir: dataDir, dropMirror, ...where });
  if (dropMirror) logger.warn({ event: logEvents.mirrorDropped, dataDir });
  const coordinator = await Coordinator.start({ ...rest, log });
  for (const repair of log.repairs) logger.warn({ event: logEvents.logRepaired, reason: repair });
  return {
    coordinator,
    connect: (listener) => connectInProcess(coordinator, listener),
    close: () => coordinator.close(),
  };
}

/** Opens a session of a coordinator in the same process. */
export function connectInProcess(
  coordinator: Coordinator,
  listener: EmbeddedListener,
): EmbeddedConnection {
  let open = true;
  const session = coordinator.openSession({
    write(frame) {
      queueMicrotask(() => open && listener.frame(frame));
      return true;
    },
    end(error) {
      if (!open) return;
      // Behind the frames that were written before.
      queueMicrotask(() => {
        if (!open) return;
        open = false;
        listener.closed(error);
      });
    },
  });
  return {
    write(frame) {
      queueMicrotask(() => open && session.receive(frame));
      return true;
    },
    close() {
      open = false;
      session.lost();
    },
  };
}
