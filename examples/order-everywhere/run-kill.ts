import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../support/wait-until.ts';
import { type Audit, audit } from './audit.ts';
import { type Deployment, isProcess } from './deployment.ts';
import type { Kill } from './kills.ts';

/** What a kill came to. */
export interface KillResult {
  readonly id: string;
  /** Where the order is when all has come to rest: in all six places, or in none. */
  readonly fate: 'committed' | 'aborted' | 'split';
  /** From the kill until all has come to rest, in milliseconds. */
  readonly settledMs: number;
  /** What must not be, in sentences. */
  readonly violations: readonly string[];
}

/** An order that was placed, and the HTTP status that it is answered; 0 for none. */
interface Placed {
  readonly id: string;
  readonly told: Promise<number>;
}

/**
 * Places an order, kills at the moment, starts again what was killed, and compares the places. All must
 * be at rest before.
 */
export async function runKill(
  deployment: Deployment,
  kill: Kill,
  name: string,
): Promise<KillResult> {
  const { victims, process, point, about, fate } = kill;
  const points = deployment.failpoints[process];
  const dies = victims.includes(process);
  points.arm({ name: point, about, action: dies ? 'kill' : 'pause' });
  const refused: Placed[] = [];
  const order = await orderUntilFired(deployment, kill, name, refused);
  const killedMs = performance.now();
  await deployment.kill9(victims);
  points.disarm();
  if (!dies) points.go();
  const late = place(deployment, `${name}-late`); // an order that comes while they are away
  // A server that is back before anybody has noticed could still vote yes.
  if (fate === 'aborted' && !victims.some(isProcess)) await order.told;
  await deployment.restart(victims);
  await Promise.all([order.told, late.told]);
  const { whole, violations } = await untilAtRest(deployment);
  const { id } = order;
  const found = whole.has(id) ? 'committed' : 'aborted';
  const isSplit = violations.some((text) => text.startsWith(`${id} `));
  const told = await Promise.all([...refused, order, late].map((one) => lies(one, whole)));
  return {
    id,
    fate: isSplit ? 'split' : found,
    settledMs: performance.now() - killedMs,
    violations: [
      ...violations,
      ...told.flat(),
      ...(found === fate ? [] : [`${id} is ${found}, and must be ${fate}`]),
    ],
  };
}

/** Orders until one comes to the moment: one that still finds somebody away is refused before. */
async function orderUntilFired(
  deployment: Deployment,
  { process, point }: Kill,
  name: string,
  refused: Placed[],
): Promise<Placed> {
  const points = deployment.failpoints[process];
  for (let attempt = 1; attempt <= 40; attempt += 1) {
    const order = place(deployment, attempt === 1 ? name : `${name}-again-${attempt}`);
    const isTold = order.told.then(() => true);
    while (!points.hasFired) {
      if (await Promise.race([isTold, delay(2, false)])) break;
    }
    if (points.hasFired) return order;
    refused.push(order);
    await delay(250);
  }
  throw new Error(`no order came to ${point}; the last was told ${await refused.at(-1)?.told}`);
}

function place(deployment: Deployment, id: string): Placed {
  return { id, told: deployment.place(id) };
}

/** Nobody is told "placed" of what is nowhere, nor "refused" of what is there. */
async function lies({ id, told }: Placed, whole: ReadonlySet<string>): Promise<string[]> {
  const status = await told;
  if (status === 201 && !whole.has(id)) return [`${id} was confirmed, and is not there`];
  if (status === 409 && whole.has(id)) return [`${id} was refused, and is there`];
  return [];
}

/**
 * Waits until nothing is prepared anywhere, nothing is open at the coordinator, and the places agree.
 * They must do so soon: after 30 s it returns what it then finds.
 */
export async function untilAtRest({ places, admin }: Deployment): Promise<Audit> {
  let lastSeq = -1;
  const wholeAudit = async () => {
    const { seq } = await admin.status();
    const isLogQuiet = seq === lastSeq; // a lazy record waits for company
    lastSeq = seq;
    if (!isLogQuiet || (await admin.list()).length > 0) return undefined;
    const found = await audit(places);
    return found.prepared === 0 && found.violations.length === 0 ? found : undefined;
  };
  try {
    const options = { what: 'all to be at rest', timeoutMs: 30_000, intervalMs: 60 };
    return await waitUntil(wholeAudit, options);
  } catch {
    const [found, open] = await Promise.all([audit(places), admin.list()]);
    const violations = [
      ...found.violations,
      ...open.map(({ gid, state }) => `${gid} is still ${state} after 30 s`),
      ...(found.prepared > 0 ? [`${found.prepared} branches are still prepared after 30 s`] : []),
    ];
    return { ...found, violations };
  }
}
