import { type LogVerdict, verifyLog } from '../log/sqlite/verify-log.ts';
import { exitCodes } from './exit-codes.ts';
import { verifyJson, verifyText } from './log-text.ts';
import type { Terminal } from './terminal.ts';

/** Flags of `unanimous log verify`. */
export interface VerifyFlags {
  readonly data: string;
  readonly mirror?: string;
  readonly json?: boolean;
}

const exitCodeOf = {
  whole: exitCodes.ok,
  repairable: exitCodes.attention,
  damaged: exitCodes.refused,
  newer: exitCodes.refused,
} as const satisfies Record<LogVerdict, number>;

/** `unanimous log verify`. Answers the exit code. */
export async function verifyCommand(flags: VerifyFlags, terminal: Terminal): Promise<number> {
  const report = verifyLog({ dir: flags.data, mirror: flags.mirror });
  terminal.out(flags.json ? verifyJson(report) : verifyText(report, terminal.paint));
  return exitCodeOf[report.verdict];
}
