// Loaded into each of the demo's processes: when the demo itself is killed, its end of stdin closes.
process.stdin.on('end', () => process.exit(1));
process.stdin.resume();
