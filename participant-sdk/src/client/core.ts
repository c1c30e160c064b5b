import { type Alarms, type Gid, UnanimousError } from '@unanimous/proto';
import { sleep } from '../ambient.ts';
import { backoffMs } from '../backoff.ts';
import type { LocalTransaction } from '../participant/local-transaction.ts';
import type { Participant } from '../participant/participant.ts';
import { askToBegin } from '../participant/untold.ts';
import type { Link } from '../session/link.ts';
import type { Session } from '../session/session.ts';
import type { Settings } from './options.ts';

/** What the parts of a client share. */
export interface ClientCore {
  readonly settings: Settings;
  readonly session: Session;
  readonly participant: Participant;
  /** For what nearly always happens before its time: deadlines, and waits for an answer. */
  readonly alarms: Alarms;
  isClosed: boolean;
}

const again = { firstMs: 20, maxMs: 500 };

/** A transaction, on the session to which it belongs. */
export interface Begun {
  readonly local: LocalTransaction;
  readonly link: Link;
}

/**
 * Begins a transaction, at once where a gid is at hand. Nothing is written by a begin, so it is simply
 * tried again on a new session when its own is lost or stops.
 * @throws UnanimousError `not-connected`, `draining`, `overloaded`, `closed` and others.
 */
export function begin(core: ClientCore, name: string, timeoutMs: number): Begun | Promise<Begun> {
  const { link } = core.session;
  const untold = link && !core.isClosed && beginUntold(core, link, name, timeoutMs);
  return untold || beginWhenOpen(core, name, timeoutMs);
}

async function beginWhenOpen(core: ClientCore, name: string, timeoutMs: number): Promise<Begun> {
  const { ambient, connectTimeoutMs } = core.settings;
  const untilMs = ambient.nowMs() + connectTimeoutMs;
  for (let failures = 1; ; failures++) {
    if (core.isClosed) throw new UnanimousError('closed', 'the TransactionClient is closed');
    const link =
      core.session.link ?? (await core.session.whenOpen(Math.max(1, untilMs - ambient.nowMs())));
    const untold = beginUntold(core, link, name, timeoutMs);
    if (untold) return untold;
    try {
      return await beginOn(core, link, name, timeoutMs);
    } catch (error) {
      const isPassing =
        error instanceof UnanimousError &&
        (error.code === 'session-lost' || error.code === 'draining');
      if (!isPassing || ambient.nowMs() >= untilMs) throw error;
    }
    await sleep(ambient, backoffMs(ambient, again, failures));
  }
}

/**
 * Begins under a gid that this session was given before, without a word: nobody can know of the
 * transaction before it is told, and with the session both are lost. Undefined where that won't do.
 */
function beginUntold(
  core: ClientCore,
  link: Link,
  name: string,
  timeoutMs: number,
): Begun | undefined {
  const isRefused = link.isDraining || link.isCongested;
  if (isRefused || timeoutMs > (link.welcome?.maxTimeoutMs ?? 0)) return undefined;
  const taken = link.gids.take();
  if (!taken) return undefined;
  const local = core.participant.transaction(taken.gid, core.participant, timeoutMs);
  local.isOwned = true;
  local.beginUntold(link, taken.block, name);
  return { local, link };
}

async function beginOn(
  core: ClientCore,
  link: Link,
  name: string,
  timeoutMs: number,
): Promise<Begun> {
  if (link.isDraining) throw new UnanimousError('draining', 'the coordinator is stopping');
  if (link.isCongested) {
    throw new UnanimousError('overloaded', 'too many messages wait for the coordinator', {
      retryAfterMs: 100,
    });
  }
  const { gid, remainingMs } = await askToBegin(link, { name, timeoutMs, gid: '', branches: [] });
  if (link.isOver) throw new UnanimousError('session-lost', 'the session was lost');
  const local = core.participant.transaction(gid as Gid, core.participant, remainingMs);
  local.isOwned = true;
  return { local, link };
}
