import type { LogReport, LogVerdict, PlaceReport, Span } from '../log/sqlite/verify-log.ts';
import { safeText } from './safe-text.ts';
import type { Terminal } from './terminal.ts';

/** What a verdict means for whoever wants to start on the log. */
const meanings: Readonly<Record<LogVerdict, string>> = {
  whole: 'Nothing is missing. A start goes on from here.',
  repairable:
    'Nothing is lost: what one place lacks the other has. The next start with the mirror writes both anew.',
  damaged:
    'A start refuses it. What is missing may be decisions that somebody was told of; without them their ' +
    'branches would be rolled back.',
  newer: 'This program cannot tell whether it is whole. A start refuses it, and changes nothing.',
};

/** What `log verify --json` prints. */
export function verifyJson(report: LogReport): string {
  const { verdict, findings, hint, logId, log, kinds, epochs, tip, database, wal, mirror } = report;
  const shownTip = tip && { logId: tip.logId, epoch: tip.epoch, seq: tip.seq };
  const shown = {
    ...{ verdict, meaning: meanings[verdict], findings, hint, logId: logId ?? '' },
    ...{ log, kinds, epochs, tip: shownTip ?? null },
    ...{ database, wal: wal ?? null, mirror: mirror ?? null },
  };
  return `${JSON.stringify({ version: 1, log: shown }, undefined, 2)}\n`;
}

/** What `log verify` prints. */
export function verifyText(report: LogReport, paint: Terminal['paint']): string {
  const { verdict, findings, hint, logId, log, epochs } = report;
  const last = epochs.at(-1);
  const facts = [
    ['log', logId ?? 'unknown'],
    ['records', log.records === 0 ? 'cannot be told' : `${spanText(log)}${kindsText(report)}`],
    ['epochs', last ? `${epochs.length}, the last is ${last.epoch}` : 'none'],
    ['database', placeText(report.database)],
    ['WAL', walText(report)],
    ['tip', tipText(report)],
    ['mirror', report.mirror ? placeText(report.mirror) : 'none that is known of'],
  ];
  const lines = facts.map(([name = '', fact = '']) => `${name.padEnd(10)}${safeText(fact)}`);
  const colour = verdict === 'whole' ? 'green' : verdict === 'repairable' ? 'yellow' : 'red';
  const found = findings.map((finding) => `  ${safeText(finding)}`);
  const advice = hint ? [`hint: ${safeText(hint)}`] : [];
  const all = [...lines, '', paint(colour, verdict), ...found, meanings[verdict], ...advice];
  return all.map((line) => `${line}\n`).join('');
}

function spanText({ records, firstSeq, lastSeq }: Span): string {
  return records === 0 ? 'no records' : `${records} records, ${firstSeq} to ${lastSeq}`;
}

function kindsText({ kinds }: LogReport): string {
  return ` (${Object.entries(kinds)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ')})`;
}

function placeText(place: PlaceReport): string {
  const { path, state, problem } = place;
  if (state === 'missing' || state === 'not-named') return `${path}: ${problem}`;
  const what = `${path}: ${state}, ${spanText(place)}`;
  return problem ? `${what}; ${problem}` : what;
}

function walText({ wal }: LogReport): string {
  if (!wal) return 'none, as after a clean stop';
  const { wholeFrameCount, commitsBehindDamage } = wal;
  const frames = `${wholeFrameCount} whole frames`;
  if (commitsBehindDamage === 0) return frames;
  const one =
    'one commit behind them is not whole: unfinished at a crash, unless the disk has spoilt it';
  return commitsBehindDamage === 1
    ? `${frames}; ${one}`
    : `${frames}; ${commitsBehindDamage} commits behind them cannot be read`;
}

function tipText({ tip, log }: LogReport): string {
  if (!tip) return 'missing or unreadable';
  const what = `record ${tip.seq} of epoch ${tip.epoch}`;
  if (log.records === 0) return what;
  if (tip.seq === log.lastSeq) return `${what}, the last one`;
  return tip.seq < log.lastSeq ? `${what}; the log goes on behind it` : what;
}
