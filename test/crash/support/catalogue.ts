import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crashPoints } from '../../../coordinator/src/log/sqlite/crash-points.ts';

/** Moments in the coordinator, in the order in which a transaction meets them. */
const coordinatorPoints = [
  'c.begin.before-reply',
  'c.enlist.before-reply',
  'c.prepare.sent',
  'c.whole.before-append',
  'c.votes.all-in',
  'c.decided.before-tell',
  'c.outcome.sent',
  'c.commit.sent',
  'c.abort.sent',
  'c.ack.received',
  'c.ended.before-append',
  'c.ended.handed-over',
  'c.forget.before-mark',
  'c.forget.after-mark',
  'c.start.before-epoch',
  'c.start.before-replay-end',
  'c.hello.before-welcome',
  'c.serve.before-served',
  'c.resend.told-one',
  'c.verdict.before-send',
  'c.resolve.before-append',
  'c.resolve.before-reply',
  'c.drain.begun',
] as const;

/** Moments in a participant. */
const participantPoints = [
  'p.serve.before-send',
  'p.enlist.before-send',
  'p.enlist.acknowledged',
  'p.prepare.before',
  'p.PREPARE.sent',
  'p.prepare.before-vote',
  'p.vote.sent',
  'p.whole.before-send',
  'p.onephase.before-commit',
  'p.COMMIT.sent',
  'p.onephase.before-answer',
  'p.home.before-commit',
  'p.home.sent',
  'p.home.before-answer',
  'p.finish.before',
  'p.commit.position-kept',
  'p.phase-two.sent',
  'p.publish.sent',
  'p.finish.before-ack',
  'p.ack.waits',
  'p.ack.sent',
  'p.scan.before-ask',
] as const;

/** Moments in who begins transactions. */
const clientPoints = [
  'k.begin.acknowledged',
  'k.commit.before-send',
  'k.commit.sent',
  'k.whole.sent',
  'k.commit.answered',
] as const;

/** Every named moment at which a process can be killed. The log's own have `log.` before them. */
export const catalogue: readonly string[] = [
  ...coordinatorPoints,
  ...crashPoints.map((point) => `log.${point}`),
  ...participantPoints,
  ...clientPoints,
];

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** How often the sources of the packages name each failpoint. */
export function failpointsInSources(): Map<string, number> {
  const found = new Map<string, number>();
  const note = (name: string) => found.set(name, (found.get(name) ?? 0) + 1);
  for (const folder of ['proto/src', 'coordinator/src', 'participant-sdk/src']) {
    for (const file of readdirSync(join(repository, folder), { recursive: true }).map(String)) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(join(repository, folder, file), 'utf8');
      for (const [, name = ''] of text.matchAll(/\bfailpoint\(\s*'([^']+)'/g)) note(name);
      for (const [, name = ''] of text.matchAll(/\breached\('([^']+)'\)/g)) note(`log.${name}`);
    }
  }
  return found;
}
