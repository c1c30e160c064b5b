import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { AdminFlags, ListFlags, ResolveFlags } from './admin-commands.ts';
import { exitCodes } from './exit-codes.ts';
import type { VerifyFlags } from './log-commands.ts';
import type { ServeFlags } from './serve-command.ts';
import type { Terminal } from './terminal.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { version } from '../version.ts';

// Each command loads its code when it runs: gRPC alone takes longer to load than help to print.

const limitTexts: Record<keyof Limits, string> = {
  defaultTimeoutMs: 'deadline of a transaction whose client names none',
  maxTimeoutMs: 'longest deadline of a transaction',
  maxOpen: 'most undecided transactions',
  maxBranches: 'most branches of one transaction',
  maxPayloadBytes: 'largest payload of one branch',
  maxUnappliedBytes: 'decided payload that one resource manager may owe',
  retainOutcomesMs: 'how long an ended outcome stays answerable',
  retainOutcomes: 'how many ended outcomes stay answerable',
};

const exitCodeHelp = `
Exit codes: 0 ok, 1 error, 2 usage, 3 in doubt or heuristic found (list, show), a log that its
mirror repairs (log verify), 4 unreachable, 5 refused, or a log that a start refuses (log verify),
6 stopped because the log failed (serve).`;

/** Runs a command line to its end, and answers the exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = new Command('unanimous')
    .description('Every write commits, or none does.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text) => terminal.err(usageError(text)),
    })
    .addHelpText('after', exitCodeHelp);
  const runs: Runs = async (command) => {
    exitCode = await command(terminal);
  };
  addServe(program, runs);
  addList(program, runs);
  addShow(program, runs);
  addResolve(program, runs);
  addStatus(program, runs);
  addLog(program, runs);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const { printError } = await import('./print-error.ts');
      return printError(error, terminal);
    }
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

type Runs = (command: (terminal: Terminal) => Promise<number>) => Promise<void>;

function addServe(program: Command, runs: Runs): void {
  const command = program
    .command('serve')
    .description('run a coordinator')
    .addOption(
      new Option('--data <dir>', 'folder of the log; made when missing')
        .env('UNANIMOUS_DATA')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--listen <address>', 'HOST:PORT, [IPV6]:PORT or unix:PATH')
        .env('UNANIMOUS_LISTEN')
        .default('127.0.0.1:7411'),
    )
    .option('--tls-cert <file>', 'certificate of this coordinator, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--client-ca <file>', 'authority that signs the certificates of the peers, PEM')
    .option('--insecure', 'off this machine without TLS: whoever reaches the port is served')
    .addOption(
      new Option('--log-level <level>', 'what is logged on stderr')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .option(
      '--accept-tip-loss',
      "start although the log's tip is lost: its last records may be, too",
    )
    .addOption(
      new Option(
        '--mirror <file>',
        'second place for every record, best on another disk; from then on always needed',
      ).env('UNANIMOUS_MIRROR'),
    )
    .option('--drop-mirror', 'go on without the mirror that the log has; recorded in the log')
    .option('--drain-ms <ms>', 'how long SIGTERM waits for what is open', wholeNumber, 10_000);
  for (const [name, text] of Object.entries(limitTexts)) {
    const unit = /(Ms|Bytes)$/.exec(name)?.[1]?.toLowerCase() ?? 'count';
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <${unit}>`;
    command.option(flag, text, wholeNumber, defaultLimits[name as keyof Limits]);
  }
  command.action((flags: ServeFlags & Limits) => {
    const names = Object.keys(limitTexts) as (keyof Limits)[];
    const limits = Object.fromEntries(names.map((name) => [name, flags[name]]));
    return runs(async (terminal) => {
      const { serveCommand } = await import('./serve-command.ts');
      return serveCommand(flags, limits, terminal);
    });
  });
}

function addList(program: Command, runs: Runs): void {
  adminCommand(program, 'list', 'transactions that are not over, oldest first')
    .option('--state <state...>', 'only these states: committing, heuristic, committed, …')
    .option('--limit <count>', 'at most so many, up to 1000', wholeNumber, 100)
    .option('--after <gid>', 'the next page: transactions born after this one')
    .action((flags: ListFlags) =>
      runs(async (terminal) => {
        const { listCommand } = await import('./admin-commands.ts');
        return listCommand(flags, terminal);
      }),
    );
}

function addShow(program: Command, runs: Runs): void {
  adminCommand(program, 'show', 'one transaction with its branches')
    .argument('<gid>', 'its global transaction id')
    .action((gid: string, flags: AdminFlags) =>
      runs(async (terminal) => {
        const { showCommand } = await import('./admin-commands.ts');
        return showCommand(gid, flags, terminal);
      }),
    );
}

function addResolve(program: Command, runs: Runs): void {
  adminCommand(program, 'resolve', 'record what became of a branch that is stuck or heuristic')
    .argument('<gid>', 'its global transaction id')
    .requiredOption('--branch <number>', 'the branch, as `show` numbers it', wholeNumber)
    .addOption(
      new Option('--as <resolution>', 'what you found or did in the resource manager')
        .choices(['committed', 'rolled-back', 'abandoned'])
        .makeOptionMandatory(),
    )
    .requiredOption('--reason <text>', 'why; recorded')
    .option('--operator <name>', 'who; recorded (default: your user name)')
    .action((gid: string, flags: ResolveFlags) =>
      runs(async (terminal) => {
        const { resolveCommand } = await import('./admin-commands.ts');
        return resolveCommand(gid, flags, terminal);
      }),
    );
}

function addStatus(program: Command, runs: Runs): void {
  adminCommand(program, 'status', 'the coordinator and who is connected to it').action(
    (flags: AdminFlags) =>
      runs(async (terminal) => {
        const { statusCommand } = await import('./admin-commands.ts');
        return statusCommand(flags, terminal);
      }),
  );
}

function addLog(program: Command, runs: Runs): void {
  program
    .command('log')
    .description('look at the log of a coordinator that is stopped')
    .command('verify')
    .description('check all records, as a start does, and change nothing')
    .addOption(
      new Option('--data <dir>', 'folder of the log, a copy of it, or a quarantine folder')
        .env('UNANIMOUS_DATA')
        .makeOptionMandatory(),
    )
    .addOption(new Option('--mirror <file>', 'its mirror, or a copy').env('UNANIMOUS_MIRROR'))
    .option('--json', 'print JSON of a stable shape')
    .action((flags: VerifyFlags) =>
      runs(async (terminal) => {
        const { verifyCommand } = await import('./log-commands.ts');
        return verifyCommand(flags, terminal);
      }),
    );
}

function adminCommand(program: Command, name: string, text: string): Command {
  const fromEnvironment = (flag: string, description: string, variable: string) =>
    new Option(flag, description).env(variable);
  return program
    .command(name)
    .description(text)
    .addOption(
      fromEnvironment('--address <address>', 'of the coordinator', 'UNANIMOUS_ADDRESS').default(
        'localhost:7411',
      ),
    )
    .addOption(fromEnvironment('--ca <file>', 'authority of the coordinator, PEM', 'UNANIMOUS_CA'))
    .addOption(fromEnvironment('--tls-cert <file>', 'your certificate, PEM', 'UNANIMOUS_TLS_CERT'))
    .addOption(fromEnvironment('--tls-key <file>', 'its key, PEM', 'UNANIMOUS_TLS_KEY'))
    .option('--json', 'print JSON of a stable shape');
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** Commander's complaint in the form of all our errors. */
function usageError(text: string): string {
  const [message = '', suggestion = ''] = text
    .replace(/^error: /, '')
    .trimEnd()
    .split('\n');
  const hint = suggestion.replace(/^\((.*)\)$/, '$1 ') + 'See unanimous --help.';
  return `error[invalid-argument]: ${message}\nhint: ${hint}\n`;
}
