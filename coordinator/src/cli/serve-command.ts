import { UnanimousError } from '@unanimous/proto';
import type { TlsIdentity } from '../api/grpc-server.ts';
import type { Limits } from '../limits.ts';
import { type Logger, logEvents } from '../log-events.ts';
import { serve, type Service, type StopCause } from '../serve.ts';
import { exitCodes } from './exit-codes.ts';
import { printError } from './print-error.ts';
import { readPem } from './read-pem.ts';
import type { Terminal } from './terminal.ts';
import { stderrLogger } from './stderr-logger.ts';

/** Flags of `unanimous serve`. */
export interface ServeFlags {
  readonly data: string;
  readonly listen: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly clientCa?: string;
  readonly insecure?: boolean;
  readonly logLevel: string;
  readonly acceptTipLoss?: boolean;
  readonly mirror?: string;
  readonly dropMirror?: boolean;
  readonly drainMs: number;
}

/** `unanimous serve`: serves until it is told to stop or has to. Answers the exit code. */
export async function serveCommand(
  flags: ServeFlags,
  limits: Partial<Limits>,
  terminal: Terminal,
): Promise<number> {
  const logger = stderrLogger(flags.logLevel);
  exitOnDefect(logger, terminal);
  const tls = tlsOf(flags);
  const service = await serve({
    dataDir: flags.data,
    listen: flags.listen,
    limits,
    logger,
    ...(tls && { tls }),
    insecure: flags.insecure === true,
    acceptTipLoss: flags.acceptTipLoss === true,
    ...(flags.mirror !== undefined && { mirror: flags.mirror }),
    dropMirror: flags.dropMirror === true,
  });
  terminal.out(readyLine(service));
  const { error, exitCode } = await untilStopped(service, flags.drainMs);
  if (!error) return exitCode;
  printError(error, terminal);
  return exitCodes.stopped;
}

function readyLine({ address, coordinator }: Service): string {
  const { logId, epoch } = coordinator.incarnation;
  const { unfinished } = coordinator.operations.status();
  const what = `log ${logId}, epoch ${epoch}, ${unfinished} unfinished`;
  return `unanimous ready on ${address} (${what})\n`;
}

/** The first signal drains, the second stops at once. */
async function untilStopped(
  service: Service,
  drainMs: number,
): Promise<{ error: StopCause; exitCode: number }> {
  let exitCode: number = exitCodes.ok;
  let isDraining = false;
  const onSignal = (number: number) => () => {
    if (isDraining) {
      exitCode = 128 + number;
      void service.close();
    } else {
      isDraining = true;
      void service.drain(drainMs);
    }
  };
  process.on('SIGINT', onSignal(2));
  process.on('SIGTERM', onSignal(15));
  return { error: await service.stopped, exitCode };
}

function tlsOf({ tlsCert, tlsKey, clientCa, insecure }: ServeFlags): TlsIdentity | undefined {
  if (!tlsCert && !tlsKey && !clientCa) return undefined;
  if (!tlsCert || !tlsKey || !clientCa) {
    const message = '--tls-cert, --tls-key and --client-ca go together';
    throw new UnanimousError('invalid-argument', message, {
      hint: 'With TLS every peer shows a certificate that the client CA has signed.',
    });
  }
  if (insecure) {
    throw new UnanimousError('invalid-argument', '--insecure and --tls-cert exclude each other');
  }
  return {
    cert: readPem('--tls-cert', tlsCert),
    key: readPem('--tls-key', tlsKey),
    clientCa: readPem('--client-ca', clientCa),
  };
}

/**
 * What nobody has caught is a defect: state in memory cannot be trusted after it. The log can, so the
 * process ends, and what was undecided is aborted by presumption.
 */
function exitOnDefect(logger: Logger, terminal: Terminal): void {
  process.on('uncaughtException', (error) => {
    const { message, stack } = error;
    logger.error({ event: logEvents.crashed, reason: message, stack });
    process.exit(printError(error, terminal));
  });
}
