import { hostname } from 'node:os';
import { UnanimousError } from '@unanimous/proto';
import { GrpcServer, type TlsIdentity } from './api/grpc-server.ts';
import { checkSecured, isLocal, type ListenAddress } from './api/listen-address.ts';
import { readListenAddress } from './api/listen-address.ts';
import { Coordinator } from './coordinator.ts';
import { checkLimits } from './check-limits.ts';
import type { Limits } from './limits.ts';
import { SqliteDecisionLog } from './log/sqlite/sqlite-decision-log.ts';
import { type Logger, logEvents, silent } from './log-events.ts';
import { version } from './version.ts';

/** Room for one payload in a message: the server takes 4 MiB, fields and frame included. */
const maxPayloadBytes = 3 * 1_024 * 1_024;

/** How long the last answers may take to leave, in milliseconds. */
const closeMs = 1_000;

/** What a coordinator is served with. */
export interface ServeOptions {
  /** Folder of the log; made when missing. */
  readonly dataDir: string;
  /** `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. Port 0: any that is free. */
  readonly listen: string;
  /** Certificates in PEM. With them every peer must show one that `clientCa` has signed. */
  readonly tls?: TlsIdentity;
  /** Off this machine without `tls`: anybody who reaches the port is served. */
  readonly insecure?: boolean;
  readonly limits?: Partial<Limits>;
  readonly logger?: Logger;
  /** Start although the witness of the log's tip is lost; records after it may be, too. */
  readonly acceptTipLoss?: boolean;
  /** A file, best on another disk, that holds every record as well: see SqliteLogOptions. */
  readonly mirror?: string;
  /** Go on without the mirror that the log has; recorded in the log. */
  readonly dropMirror?: boolean;
}

/** Why a coordinator stopped by itself; undefined when it was told to. */
export type StopCause = UnanimousError | undefined;

/** A coordinator that is being served. */
export interface Service {
  /** Where it listens, with the actual port. */
  readonly address: string;
  readonly coordinator: Coordinator;
  /** Resolves when it has stopped, with the error when it had to. */
  readonly stopped: Promise<StopCause>;
  /** Begins nothing new, waits for what is open, for so long, and stops. */
  drain(withinMs: number): Promise<void>;
  /** Stops at once; what is undecided is aborted. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves a coordinator on its log. It listens first, so that health tells of the recovery, and
 * returns when it answers.
 * @throws UnanimousError `insecure-listen`, `invalid-argument`, and as Coordinator.start does.
 */
export async function serve(options: ServeOptions): Promise<Service> {
  const { logger = silent, tls, insecure = false } = options;
  const limits = checkServedLimits(options.limits ?? {});
  const wanted = await readListenAddress(options.listen);
  checkSecured(wanted, tls !== undefined || insecure);
  warnOfExposure(wanted, tls !== undefined, logger);
  const server = new GrpcServer({ logger, ...(tls && { tls }) });
  const address = await server.listen(wanted);
  try {
    const { dataDir } = options;
    const log = openableLog(options, logger);
    const holder = { name: hostname(), address };
    const coordinator = await Coordinator.start({ log, holder, limits, logger });
    for (const repair of log.repairs) logger.warn({ event: logEvents.logRepaired, reason: repair });
    server.serve(coordinator);
    const { logId, epoch } = coordinator.incarnation;
    logger.info({ event: logEvents.started, version, address, dataDir, logId, epoch });
    return serviceOf(coordinator, server, address);
  } catch (error) {
    await server.close(0);
    throw error;
  }
}

function openableLog(
  { dataDir, acceptTipLoss = false, mirror, dropMirror = false }: ServeOptions,
  logger: Logger,
): SqliteDecisionLog {
  if (acceptTipLoss) logger.warn({ event: logEvents.tipLossAccepted, dataDir });
  if (dropMirror) logger.warn({ event: logEvents.mirrorDropped, dataDir });
  const where = mirror === undefined ? {} : { mirror };
  return new SqliteDecisionLog({ dir: dataDir, acceptTipLoss, dropMirror, ...where });
}

function serviceOf(coordinator: Coordinator, server: GrpcServer, address: string): Service {
  const stopped = closeAfter(coordinator, server);
  return {
    address,
    coordinator,
    stopped,
    async drain(withinMs) {
      server.stopServing();
      await coordinator.drain(withinMs);
      await stopped;
    },
    async close() {
      await coordinator.close();
      await stopped;
    },
  };
}

/** The server outlives its coordinator for as long as the last answers take to leave. */
async function closeAfter(coordinator: Coordinator, server: GrpcServer): Promise<StopCause> {
  const error = await new Promise<StopCause>((resolve) => coordinator.onStopped(resolve));
  await server.close(closeMs);
  return error;
}

function checkServedLimits(wanted: Partial<Limits>): Limits {
  const limits = checkLimits(wanted);
  if (limits.maxPayloadBytes <= maxPayloadBytes) return limits;
  const message = `maxPayloadBytes: ${limits.maxPayloadBytes} is above ${maxPayloadBytes}`;
  const hint = 'One message of gRPC must hold it. Store it elsewhere and send a reference.';
  throw new UnanimousError('invalid-argument', message, { hint });
}

function warnOfExposure(address: ListenAddress, isSecured: boolean, logger: Logger): void {
  if (isLocal(address)) return;
  const where = address.kind === 'tcp' ? `${address.host}:${address.port}` : address.path;
  if (!isSecured) {
    const message = 'anybody who reaches this port can commit, abort and resolve';
    logger.warn({ event: logEvents.listensInsecurely, address: where }, message);
  }
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major >= 22) return;
  const message = 'this version of Node gets no more security fixes for HTTP/2; run 22 or later';
  logger.warn({ event: logEvents.listensOnOldNode, node: process.versions.node }, message);
}
