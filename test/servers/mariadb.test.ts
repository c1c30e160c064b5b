import { existsSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { expect } from 'vitest';
import { processesOf } from './leftovers.ts';
import { startMariadb } from './mariadb.ts';
import { serverOrSkip } from './require-server.ts';

serverOrSkip('mariadb').test(
  'a MariaDB of our own: what is prepared survives kill -9, stop leaves nothing',
  async () => {
    const server = await startMariadb({ settings: { max_connections: 17 } });
    try {
      const { port } = server;
      server.client('CREATE DATABASE orders; CREATE TABLE orders.t (a int)');
      const connection = await createConnection(server.options('orders'));
      connection.on('error', () => {}); // the server is killed under it
      for (const sql of ["XA START 'g'", 'INSERT INTO t VALUES (7)', "XA END 'g'"]) {
        await connection.query(sql);
      }
      await connection.query("XA PREPARE 'g'");
      expect(processesOf(server.folder)).not.toEqual([]);
      await server.kill9();
      await expect(createConnection(server.options())).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      });
      await server.restart();
      expect(server.port).toBe(port);
      expect(server.client("XA RECOVER FORMAT='SQL'")).toBe("1\t1\t0\t'g'\n");
      expect(server.client("XA COMMIT 'g'; SELECT * FROM t", 'orders')).toBe('7\n');
      expect(server.client('SELECT @@max_connections')).toBe('17\n');
    } finally {
      await server.stop();
    }
    expect(existsSync(server.folder)).toBe(false);
    expect(processesOf(server.folder)).toEqual([]);
    await server.stop(); // idempotent
  },
  90_000,
);
