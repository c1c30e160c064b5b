import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { QueueFile } from '../../../participant-sdk/src/sqlite-queue/queue-file.ts';
import type { SqliteConstructor } from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { QueueFixture } from './queue-fixture.ts';

const insert = (name: string) => `insert into names values ('${name}')`;

async function openNames(DatabaseClass: SqliteConstructor = Database) {
  const dir = tempDir();
  const file = dir.file('queue.db');
  const queue = await QueueFile.open({ file, Database: DatabaseClass, busyTimeoutMs: 300 });
  await queue.write((sql) => sql.run('create table names (name text)'));
  const names = () => queue.read((sql) => sql.all<{ name: string }>('select name from names'));
  const dispose = async () => {
    await queue.close();
    dir.remove();
  };
  return { file, queue, names, [Symbol.asyncDispose]: dispose };
}

describe('writes', () => {
  test('of one turn share a transaction; a bad one fails alone', async () => {
    await using open = await openNames();
    const { queue, names } = open;
    const results = await Promise.allSettled([
      queue.write((sql) => sql.run(insert('a'))),
      queue.write((sql) => {
        sql.run(insert('bad'));
        throw new Error('refused');
      }),
      queue.write((sql) => sql.run(insert('b'))),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(names()).toEqual([{ name: 'a' }, { name: 'b' }]);
  });

  test('are forced to the disk with each commit', async () => {
    const opened: Database.Database[] = [];
    class Seen extends Database {
      constructor(file: string, options?: Database.Options) {
        super(file, options);
        opened.push(this);
      }
    }
    await using open = await openNames(Seen);
    const modes = opened.map((database) => database.pragma('synchronous', { simple: true }));
    expect(modes).toEqual([2]); // FULL; without it a WAL is forced at checkpoints only
    expect(open.names()).toEqual([]);
  });

  test('that are started while others resolve are not stranded', async () => {
    await using open = await openNames();
    const { queue, names } = open;
    const chain = async (name: string) => {
      for (let n = 0; n < 20; n++) await queue.write((sql) => sql.run(insert(`${name}${n}`)));
    };
    await Promise.all(['a', 'b', 'c'].map(chain));
    expect(names()).toHaveLength(60);
  });

  test('wait for another process’s lock without blocking this one', async () => {
    await using open = await openNames();
    const { file, queue, names } = open;
    const other = new Database(file);
    other.exec('begin immediate');
    let turns = 0;
    const ticking = setInterval(() => turns++, 5);
    setTimeout(() => other.exec('commit'), 120);
    await queue.write((sql) => sql.run(insert('a')));
    clearInterval(ticking);
    other.close();
    expect(names()).toEqual([{ name: 'a' }]);
    expect(turns).toBeGreaterThan(1);
  });

  test('give up after busyTimeoutMs, to be tried again', async () => {
    await using open = await openNames();
    const { file, queue } = open;
    const other = new Database(file);
    other.exec('begin immediate');
    await expect(queue.write((sql) => sql.run(insert('a')))).rejects.toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
      message: expect.stringContaining('write lock'),
    });
    other.close();
    await queue.write((sql) => sql.run(insert('b')));
  });
});

describe('a full disk', () => {
  class SmallDisk extends Database {
    constructor(file: string, options?: Database.Options) {
      super(file, options);
      this.pragma('max_page_count = 60');
    }
  }

  test('is a typed error, harms nothing, and small writes go on', async () => {
    await using open = await openNames(SmallDisk);
    const { queue, names } = open;
    const big = insert('x'.repeat(500_000));
    const writes = await Promise.allSettled([
      queue.write((sql) => sql.run(big)),
      queue.write((sql) => sql.run(insert('small'))),
    ]);
    expect(writes).toMatchObject([
      {
        status: 'rejected',
        reason: {
          code: 'rm-unavailable',
          retryable: true,
          message: expect.stringContaining('full'),
        },
      },
      { status: 'fulfilled' },
    ]);
    expect(names()).toEqual([{ name: 'small' }]);
  });

  test('turns a yes vote into a no', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer({ Database: SmallDisk });
    const transaction = await fixture.coordinator.begin(() =>
      queue.publish('t', 'x'.repeat(500_000)),
    );
    await expect(transaction.prepare()).rejects.toMatchObject({ code: 'rm-unavailable' });
    expect(await queue.scan()).toEqual([]);
  });

  test('at phase two keeps the branch prepared until there is space', async () => {
    await using fixture = new QueueFixture();
    let isFull = false;
    class FullLater extends Database {
      override exec(text: string) {
        if (isFull && text === 'COMMIT') {
          throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
        }
        return super.exec(text);
      }
    }
    const queue = await fixture.writer({ Database: FullLater });
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    await transaction.prepare();
    isFull = true;
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'rm-unavailable' });
    expect(await queue.scan()).toEqual([transaction.id(queue)]);
    isFull = false;
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
  });
});

describe('a disk that fails', () => {
  test('ends the connection: the next write is through a new one', async () => {
    let failures = 0;
    let opened = 0;
    class Failing extends Database {
      constructor(file: string, options?: Database.Options) {
        super(file, options);
        opened++;
      }
      override exec(text: string) {
        if (failures > 0 && text === 'COMMIT') {
          failures--;
          throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
        }
        return super.exec(text);
      }
    }
    await using open = await openNames(Failing);
    const { queue, names } = open;
    failures = 1;
    await expect(queue.write((sql) => sql.run(insert('a')))).rejects.toThrow('the disk failed');
    await queue.write((sql) => sql.run(insert('b')));
    expect(names()).toEqual([{ name: 'b' }]);
    expect(opened).toBe(2);
  });
});

describe('open', () => {
  async function expectRefusal(file: string, code: string, words: string) {
    await expect(QueueFile.open({ file, Database })).rejects.toMatchObject({
      code,
      retryable: false,
      message: expect.stringContaining(words),
    });
  }

  test('refuses a file that is no database', async () => {
    using dir = tempDir();
    writeFileSync(
      dir.file('queue.db'),
      'not a database, but long enough to be looked at'.repeat(99),
    );
    await expectRefusal(dir.file('queue.db'), 'rm-unavailable', 'damaged');
  });

  test('refuses a file whose first page is damaged', async () => {
    using dir = tempDir();
    const file = dir.file('queue.db');
    await (await QueueFile.open({ file, Database })).close();
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 100, 4_096);
    writeFileSync(file, bytes);
    await expectRefusal(file, 'rm-unavailable', 'damaged');
  });

  test('refuses a file of a newer version', async () => {
    using dir = tempDir();
    const file = dir.file('queue.db');
    const queue = await QueueFile.open({ file, Database });
    await queue.write((sql) =>
      sql.run(`update unanimous_queue set value = '9' where key = 'version'`),
    );
    await queue.close();
    await expectRefusal(file, 'rm-unavailable', 'queue schema 9');
  });

  test('refuses a folder that does not exist', async () => {
    const opening = QueueFile.open({ file: '/no/such/folder/queue.db', Database });
    await expect(opening).rejects.toMatchObject({
      code: 'rm-unavailable',
      message:
        '/no/such/folder/queue.db: Cannot open database because the directory does not exist',
    });
  });

  test('refuses a path that is a folder', async () => {
    using dir = tempDir();
    mkdirSync(dir.file('queue.db'));
    await expectRefusal(dir.file('queue.db'), 'rm-unavailable', 'cannot be written');
  });

  test('refuses a file that may not be written', async () => {
    class ReadOnly extends Database {
      constructor(file: string, options?: Database.Options) {
        super(file, { ...options, readonly: true });
      }
    }
    using dir = tempDir();
    const file = dir.file('queue.db');
    await (await QueueFile.open({ file, Database })).close();
    const queue = await QueueFile.open({ file, Database: ReadOnly });
    await expect(queue.write((sql) => sql.run('drop table unanimous_topics'))).rejects.toThrow(
      'cannot be written',
    );
    await queue.close();
  });

  test('keeps the tables of an application that shares the file', async () => {
    using dir = tempDir();
    const file = dir.file('app.db');
    const app = new Database(file);
    app.exec(`create table orders (id integer); insert into orders values (1)`);
    app.close();
    const queue = await QueueFile.open({ file, Database });
    expect(queue.read((sql) => sql.get('select count(*) as n from orders'))).toEqual({ n: 1 });
    await queue.close();
  });
});

test('a page that is damaged later is a typed error', async () => {
  await using open = await openNames();
  const { file, queue } = open;
  for (let n = 0; n < 50; n++) await queue.write((sql) => sql.run(insert('x'.repeat(2_000))));
  await queue.write((sql) => sql.run('delete from names where rowid % 7 = 0'));
  await queue.close();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 8_192 * 4);
  writeFileSync(file, bytes);
  const again = await QueueFile.open({ file, Database });
  const reading = () => again.read((sql) => sql.all('select * from names order by name'));
  expect(reading).toThrow(/damaged/);
  await expect(again.write((sql) => sql.run('delete from names'))).rejects.toMatchObject({
    code: 'rm-unavailable',
    retryable: false,
  });
  await again.close();
});
