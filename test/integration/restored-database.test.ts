import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { expect } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { copyDataFolder, signalRecovery } from './support/data-folder.ts';
import { PositionLock } from './support/position-lock.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';

serverOrSkip('postgres').test(
  'a branch that a restored database shows again, though it was committed and forgotten, is kept',
  async () => {
    await using databases = await ShopDatabases.start();
    const limits = { retainOutcomesMs: 50 };
    await using scene = await Scene.open(databases, 'restored', { limits });
    const { ordersServer: server } = databases;
    const lock = await PositionLock.take(databases.ordersUrl);
    const placing = scene.orders.tm.transaction(async () => {
      await scene.orders.insert('restored');
      await scene.orders.publish('restored');
    });
    const isInDoubt = async () => (await scene.admin.list('committing')).length === 1;
    await waitUntil(isInDoubt, { what: 'a branch in doubt' });
    const [branch] = await scene.prepared('orders');
    const backup = databases.dir.file('backup');
    await server.kill9();
    copyDataFolder(server.dataFolder, backup);
    await server.restart();
    await lock.release();
    const { gid } = await placing;
    const { tm } = scene.orders;
    const isForgotten = async () => (await tm.outcome(gid)).outcome === 'expired';
    await waitUntil(isForgotten, { what: 'the log to forget it', timeoutMs: 20_000 });

    await server.kill9();
    copyDataFolder(backup, server.dataFolder);
    // It ends its recovery where the files end, on a new timeline, as a restore does.
    signalRecovery(server.dataFolder, 'recovery', ["restore_command = 'false'"]);
    await server.restart();
    const isOpen = async () =>
      (await databases.orders.query('select where not pg_is_in_recovery()')).rowCount === 1;
    await waitUntil(isOpen, { what: 'the recovery to end' });
    const events: string[] = [];
    const note = (fields: object) => events.push((fields as { event: string }).event);
    const logger = { debug: note, info: note, warn: note, error: note };
    const { address } = scene.coordinator;
    await using later = new TransactionClient({ address, scanIntervalMs: 50, logger });
    await later.serve(postgres({ rm: 'orders-db', pg, connectionString: databases.ordersUrl }));
    const isReported = () => events.includes('branch.hazard');
    await waitUntil(isReported, { what: 'the hazard to be reported' });
    // The database never lost the order for good: whoever restored it says what becomes of it.
    expect(await scene.prepared('orders')).toEqual([branch]);
    await databases.orders.query(`commit prepared '${branch}'`);
    expect(await scene.countOf('restored')).toBe(1);

    // The order service was not restarted. It has found another server there, and serves on.
    const place = () => scene.orders.tm.transaction(() => scene.orders.insert('after'));
    const isBack = async () => (await place().catch(() => undefined))?.applied;
    await waitUntil(isBack, { what: 'the order service to write again' });
    expect(await scene.countOf('after')).toBe(1);
  },
  60_000,
);
