import { UnanimousError } from '@unanimous/proto';
import { type EmbeddedCoordinator, embeddedTransport } from '../session/embedded-transport.ts';
import type { Logger } from '../logger.ts';
import type { Transport } from '../session/transport.ts';
import type { CommonOptions } from './options.ts';

/** A coordinator inside this process, for one service that writes to several resources. */
export interface EmbeddedOptions extends CommonOptions {
  /** Folder of the transaction log. It must outlive the process: PROTOCOL rule 19. */
  readonly data: string;
}

/** What `@unanimous/coordinator/embedded` exports; named here so that nothing else is imported. */
interface EmbeddedModule {
  readonly startEmbedded?: (options: {
    readonly dataDir: string;
    readonly logger?: Logger;
  }) => Promise<EmbeddedCoordinator>;
}

/**
 * Starts a coordinator in this process and gives the transport to it.
 * @throws UnanimousError `invalid-argument` where the package is not installed, and all that the
 * coordinator's start throws, `log-locked` for one.
 */
export async function startEmbeddedTransport(options: EmbeddedOptions): Promise<Transport> {
  const { data, logger } = options;
  const { startEmbedded } = await load();
  if (!startEmbedded) throw missing(new Error('it exports no startEmbedded'));
  return embeddedTransport(await startEmbedded({ dataDir: data, ...(logger && { logger }) }));
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
