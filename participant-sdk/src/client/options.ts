import { checkRmName, UnanimousError } from '@unanimous/proto';
import { type Ambient, systemAmbient } from '../ambient.ts';
import type { Logger } from '../logger.ts';
import { grpcTransport, type TlsOptions } from '../session/grpc-transport.ts';
import type { Transport } from '../session/transport.ts';

/** What all clients may be told, wherever their coordinator is. */
export interface CommonOptions {
  /** Name of this service, for operators; the program's name unless told. */
  readonly service?: string;
  /** Deadline of a transaction unless its own options say another; 10 s. */
  readonly timeoutMs?: number;
  /** How long `transaction()` waits for committed work to be applied everywhere; 5 s. */
  readonly waitAppliedMs?: number;
  /** How long anything waits for a coordinator that does not answer; 10 s. */
  readonly connectTimeoutMs?: number;
  /** How long `close()` waits for open work; 5 s. */
  readonly closeTimeoutMs?: number;
  /** Longest time between two scans of a resource manager for prepared branches in doubt; 5 s. */
  readonly scanIntervalMs?: number;
  /** Takes log lines; pino's shape. Silent unless given. */
  readonly logger?: Logger;
  /** For simulators and tests: clock, timers and chance. */
  readonly ambient?: Ambient;
}

/** A coordinator at an address. */
export interface ClientOptions extends CommonOptions {
  /** `HOST:PORT` of the coordinator. */
  readonly address: string;
  /** TLS; without it the connection is plain, fit for loopback only. */
  readonly tls?: TlsOptions;
}

/** A coordinator behind a transport of one's own, as tests and embedded coordinators have it. */
export interface TransportOptions extends CommonOptions {
  readonly transport: Transport;
}

/** Options with nothing left open. */
export interface Settings {
  readonly service: string;
  readonly timeoutMs: number;
  readonly waitAppliedMs: number;
  readonly connectTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly scanIntervalMs: number;
  readonly logger: Logger | undefined;
  readonly ambient: Ambient;
  readonly transport: Transport;
}

/**
 * Completes the options and checks them.
 * @throws UnanimousError `invalid-argument` that names the field.
 */
export function settingsOf(options: string | ClientOptions | TransportOptions): Settings {
  const given: ClientOptions | TransportOptions =
    typeof options === 'string' ? { address: options } : options;
  return {
    service: given.service === undefined ? defaultService() : checkService(given.service),
    timeoutMs: checkMs('timeoutMs', given.timeoutMs, 10_000, 1),
    waitAppliedMs: checkMs('waitAppliedMs', given.waitAppliedMs, 5_000, 0),
    connectTimeoutMs: checkMs('connectTimeoutMs', given.connectTimeoutMs, 10_000, 1),
    closeTimeoutMs: checkMs('closeTimeoutMs', given.closeTimeoutMs, 5_000, 0),
    scanIntervalMs: checkMs('scanIntervalMs', given.scanIntervalMs, 5_000, 1),
    logger: given.logger,
    ambient: given.ambient ?? systemAmbient,
    transport: 'transport' in given ? given.transport : dial(given),
  };
}

/** A whole number of milliseconds. @throws UnanimousError `invalid-argument`. */
export function checkMs(
  name: string,
  value: number | undefined,
  fallback: number,
  least: number,
): number {
  const ms = value ?? fallback;
  if (Number.isFinite(ms) && ms >= least && ms < 2 ** 32) return Math.ceil(ms);
  throw new UnanimousError('invalid-argument', `${name}: ${ms} is not a time in milliseconds`);
}

/** HOST:PORT, [IPV6]:PORT, a socket, or a target of gRPC's own name resolvers. */
const addressPattern = /^((\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+):\d{1,5}|(unix|dns|ipv4|ipv6):.+)$/;

function dial({ address, tls }: ClientOptions): Transport {
  if (typeof address !== 'string' || !addressPattern.test(address)) {
    throw new UnanimousError('invalid-argument', `address: ${JSON.stringify(address)} is none`, {
      hint: 'Write HOST:PORT of the coordinator, say localhost:7411, without http://.',
    });
  }
  return grpcTransport(address, tls);
}

function checkService(name: string): string {
  try {
    return checkRmName(name);
  } catch (cause) {
    throw new UnanimousError('invalid-argument', `service: ${JSON.stringify(name)} is no name`, {
      hint: 'Use 1 to 64 characters of [A-Za-z0-9._-], the first a letter or digit.',
      cause,
    });
  }
}

function defaultService(): string {
  const program = process.argv[1]?.split(/[\\/]/).at(-1) ?? '';
  return (
    program.replace(/\.[cm]?[jt]s$/, '').replace(/[^A-Za-z0-9._-]|^[^A-Za-z0-9]+/g, '') || 'node'
  );
}
