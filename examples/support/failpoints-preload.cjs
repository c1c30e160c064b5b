// Loaded before everything else, by NODE_OPTIONS, into processes that a kill test starts, and into
// their threads (hence no ES module: a thread that runs a text would not load it). It gives the failpoints of the packages a meaning; no package ships it.
//
// UNANIMOUS_FAILPOINTS names a folder. `armed` in it says what shall happen and where, `reached`
// collects the names of the points that were passed, `fired` what has happened, and a file
// `go-ID` ends a pause.
const { appendFileSync, existsSync, openSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const process = require('node:process');

const folder = process.env.UNANIMOUS_FAILPOINTS;
const noted = new Set();
let armedId = '';
let passed = 0;

if (folder) globalThis[Symbol.for('@unanimous/failpoint')] = reached;

function reached(name, about, kind) {
  if (!noted.has(name)) {
    noted.add(name);
    appendFileSync(join(folder, 'reached'), `${name}\n`);
    if (name === 'log.start.before-read') writeFileSync(join(folder, 'began'), `${Date.now()}`);
  }
  const armed = readArmed();
  if (armed?.name !== name || !`${about} ${kind}`.includes(armed.about)) return;
  if (armed.id !== armedId) [armedId, passed] = [armed.id, 0];
  passed += 1;
  if (passed !== armed.at) return;
  appendFileSync(join(folder, 'fired'), `${JSON.stringify({ ...armed, pid: process.pid })}\n`);
  act(armed);
}

function readArmed() {
  try {
    return JSON.parse(readFileSync(join(folder, 'armed'), 'utf8'));
  } catch {
    return undefined; // nothing is armed
  }
}

function act({ id, name, action }) {
  if (action.endsWith('-sync')) return holdNextSync(action.slice(0, -'-sync'.length));
  if (action === 'throw') throw Object.assign(new Error(`planned at ${name}`), { code: 'EIO' });
  if (action === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (action === 'kill') process.kill(process.pid, 'SIGKILL');
  // A killed process must not do one thing more, in this thread at least, until it is gone.
  const isOver = () => action === 'stop' || existsSync(join(folder, `go-${id}`));
  while (!isOver()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}

/** Asks the shim (test/disk/shim) that is preloaded, too. */
function holdNextSync(when) {
  const { DISK_SHIM_RECORD: log } = process.env;
  try {
    openSync(join(log, `@arm:wal-sync:1:${when}:once`));
  } catch {
    return; // a command always fails
  }
}
