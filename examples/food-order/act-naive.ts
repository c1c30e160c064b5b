import Database from 'better-sqlite3';
import type { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import type { Screen } from '../support/screen.ts';
import type { DemoSize } from './size.ts';

/** The usual way: two writes. Kills the service under load, and counts what was lost. */
export async function playNaive(demo: Deployment, screen: Screen, size: DemoSize): Promise<void> {
  screen.act('1  Without Unanimous: the order service saves the order, then publishes the event');
  await demo.naive.start();
  const load = new Load(demo.naiveUrl, { customers: 16, prefix: 'naive' });
  for (let kill = 0; kill < size.naiveKills; kill++) {
    const before = load.counts.placed;
    while (load.counts.placed < before + 60) await new Promise((resolve) => setImmediate(resolve));
    await demo.naive.kill9();
    await demo.naive.start();
  }
  await load.stop();
  await demo.naive.stop();
  const { rows } = await demo.naiveDb.query<{ id: string }>('select id from orders');
  const events = new Database(demo.files.naive, { readonly: true });
  const published = events.prepare('select order_id from events').pluck().all() as string[];
  events.close();
  const heard = new Set(published);
  const lost = rows.filter(({ id }) => !heard.has(id)).length;
  screen.event(
    `killed ${size.naiveKills} times: ${rows.length} orders, ${published.length} events`,
  );
  const verdict = `${lost} orders have no event, and nothing will ever repair that`;
  screen.event(verdict, lost > 0 ? 'red' : 'yellow');
}
