import { UnanimousError } from '@unanimous/proto';
import { type EmbeddedCoordinator, embeddedTransport } from '../session/embedded-transport.ts';
import type { Logger } from '../logger.ts';
import type { Transport } from '../session/transport.ts';
import type { CommonOptions } from './options.ts';

/** A coordinator inside this process, for one service that writes to several resources. */
export interface EmbeddedOptions extends CommonOptions {
  /** Folder of the transaction log. It must outlive the process: PROTOCOL rule 19. */
  readonly data: string;
  /**
   * A second place for every record of the log: a file, best on another disk. What is damaged in one
   * place comes from the other. From then on the log does not open without it.
   */
  readonly mirror?: string;
  /** Open without the mirror that the log has, from now on; recorded in the log. */
  readonly dropMirror?: boolean;
}

/** What `@unanimous/coordinator/embedded` exports; named here so that nothing else is imported. */
interface EmbeddedModule {
  readonly startEmbedded?: (options: {
    readonly dataDir: string;
    readonly mirror?: string;
    readonly dropMirror?: boolean;
    readonly logger?: Logger;
  }) => Promise<EmbeddedCoordinator>;
}

/**
 * Starts a coordinator in this process and gives the transport to it.
 * @throws UnanimousError `invalid-argument` where the package is not installed, and all that the
 * coordinator's start throws, `log-locked` for one.
 */
export async function startEmbeddedTransport(options: EmbeddedOptions): Promise<Transport> {
  const { data, mirror, dropMirror, logger } = options;
  const { startEmbedded } = await load();
  if (!startEmbedded) throw missing(new Error('it exports no startEmbedded'));
  const coordinator = await startEmbedded({
    dataDir: data,
    ...(mirror !== undefined && { mirror }),
    ...(dropMirror !== undefined && { dropMirror }),
    ...(logger && { logger }),
  });
  return embeddedTransport(coordinator);
}

async function load(): Promise<EmbeddedModule> {
  try {
    // The one import of the coordinator in the SDK, and only on this way.
    return await import('@unanimous/coordinator/embedded');
  } catch (error) {
    throw missing(error);
  }
}

function missing(cause: unknown): UnanimousError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `@unanimous/coordinator could not be loaded: ${why}`;
  return new UnanimousError('invalid-argument', message, {
    hint: 'npm install @unanimous/coordinator, in the same version as the SDK.',
    cause,
  });
}
