import { run } from './cli/run.ts';
import { processTerminal } from './cli/terminal.ts';

// What Node thinks of how our libraries use it is of no use to who runs a command.
process.noDeprecation = true;

// A reader that has gone, say `head`, is no reason to fail; and nobody is left to tell.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exit(await run(process.argv.slice(2), processTerminal));
