import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { UnanimousError } from '@unanimous/proto';
import { placeOf } from './file-mark.ts';
import { TimeFunctions } from './fixed-functions.ts';
import { type FileIdentity, fileIdentity, writeIdentity } from './receipt-rows.ts';
import { Sidecar, sidecarOf } from './sidecar.ts';
import { closeQuietly, type SqliteConstructor, type SqliteDatabase } from './sqlite-database.ts';
import { isBusy, sqliteError, whileBusy } from './sqlite-error.ts';

/** Which file, and by what. */
export interface FileOptions {
  /** Path of the SQLite file; made when missing. Its folder must exist. */
  readonly file: string;
  /** The constructor of better-sqlite3. */
  readonly Database: SqliteConstructor;
  /**
   * How long a transaction waits for the one before it, and for locks of other programs; 5,000
   * unless told.
   */
  readonly waitMs?: number;
}

/** What a process that owns a file has open. */
export interface FileConnections {
  readonly sidecar: Sidecar;
  readonly reader: SqliteDatabase;
  readonly times: TimeFunctions;
  readonly identity: FileIdentity;
  readonly place: string;
}

const gone = 'the file was replaced, moved or restored after the branch was prepared';

/**
 * Takes the ownership of a file and finds out who it is. A file that is not the one, or not as far,
 * as its sidecar knows gets another incarnation, and what was prepared in it is broken.
 * @throws UnanimousError with the remedy.
 */
export async function openConnections(options: FileOptions): Promise<FileConnections> {
  const { file, Database, waitMs = 5_000 } = options;
  const sidecar = await own(options);
  let reader: SqliteDatabase | undefined;
  try {
    const known = sidecar.known();
    if (known && placeOf(file) === '') {
      const hint = `Put it back, or remove ${sidecarOf(file)} to begin anew.`;
      throw new UnanimousError('rm-unavailable', `${file} is missing`, { hint, retryable: false });
    }
    const connect = () => {
      const database = new Database(file, { timeout: 0 });
      try {
        mustBeWal(database, file);
        database.pragma('synchronous = FULL');
        return { database, found: fileIdentity(database) };
      } catch (error) {
        closeQuietly(database);
        throw error;
      }
    };
    const { database, found } = await whileBusy(waitMs, connect);
    reader = database;
    if (known && found?.id !== known.id) {
      const hint = `Put the right one back, or remove ${sidecarOf(file)}, and with it what it holds.`;
      const text = `${file} is another file than ${basename(sidecarOf(file))} stands beside`;
      throw new UnanimousError('rm-identity-mismatch', text, { hint });
    }
    const place = placeOf(file);
    const isSame =
      known !== undefined &&
      known.place === place &&
      known.incarnation === found?.incarnation &&
      found.generation >= known.generation;
    const identity = isSame && found ? found : newIdentity(found);
    if (!isSame) {
      await whileBusy(waitMs, () => writeAnew(database, identity));
      const prepared = sidecar.prepared();
      if (prepared) sidecar.break(prepared.branch, gone, Date.now());
      sidecar.know({ ...identity, place });
    }
    return { sidecar, reader, times: new TimeFunctions(new Database(':memory:')), identity, place };
  } catch (error) {
    closeQuietly(reader);
    sidecar.close();
    throw sqliteError(error, file);
  }
}

/** Lets the file go. */
export function closeConnections({ sidecar, reader, times }: FileConnections): void {
  closeQuietly(reader);
  times.close();
  sidecar.close();
}

/** Some file systems can't share memory between processes, and SQLite stays in another mode then. */
function mustBeWal(database: SqliteDatabase, file: string): void {
  const [{ journal_mode: mode }] = database.pragma('journal_mode = WAL') as [Mode];
  if (mode === 'wal') return;
  const hint = 'Give the path of a file on a local disk.';
  throw new UnanimousError('invalid-argument', `file: ${file} cannot have a WAL`, { hint });
}

interface Mode {
  readonly journal_mode: string;
}

async function own({ file, Database, waitMs = 5_000 }: FileOptions): Promise<Sidecar> {
  try {
    return await whileBusy(waitMs, () => Sidecar.open(file, Database));
  } catch (error) {
    if (isBusy(error)) {
      const hint = 'One process at a time serves a file. Stop the other one, or serve it there.';
      throw new UnanimousError('rm-unavailable', `${file} is served by another process`, { hint });
    }
    if (error instanceof TypeError) {
      const hint = `Make the folder ${dirname(file)}, and let the process write in it.`;
      throw new UnanimousError('rm-unavailable', `${file}: ${error.message}`, { hint });
    }
    throw sqliteError(error, sidecarOf(file));
  }
}

/** A copy keeps its id, and is told from the original by its incarnation. */
function newIdentity(found: FileIdentity | undefined): FileIdentity {
  const random = () => randomBytes(8).toString('hex');
  const { id = random(), generation = 0 } = found ?? {};
  return { id, incarnation: random(), generation };
}

function writeAnew(database: SqliteDatabase, identity: FileIdentity): void {
  try {
    writeIdentity(database, identity);
  } catch (error) {
    if (database.inTransaction) database.exec('rollback');
    throw error;
  }
}
