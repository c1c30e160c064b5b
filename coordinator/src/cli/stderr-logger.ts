import { destination, pino, stdTimeFunctions } from 'pino';
import type { Logger } from '../log-events.ts';

/** Never logged, should a caller ever hand them over. */
const secrets = ['owner', 'secret', 'work', 'redo', 'receipt', 'payload'];

/**
 * JSON lines on stderr, each with the name of its event. Written at once: what a process says last is
 * what one needs most.
 */
export function stderrLogger(level: string): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secrets.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
    },
    destination({ fd: 2, sync: true }),
  );
}
