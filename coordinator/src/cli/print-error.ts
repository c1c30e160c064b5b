import { UnanimousError } from '@unanimous/proto';
import { exitCodeOf } from './exit-codes.ts';
import { safeText } from './safe-text.ts';
import type { Terminal } from './terminal.ts';

/** Says on stderr what went wrong and what to do; never a stack. Answers the exit code. */
export function printError(error: unknown, terminal: Terminal): number {
  const failure = UnanimousError.from(error);
  const { code, message, hint } = failure;
  terminal.err(`error[${code}]: ${safeText(message)}\n`);
  if (hint) terminal.err(`hint: ${safeText(hint)}\n`);
  return exitCodeOf(failure);
}
