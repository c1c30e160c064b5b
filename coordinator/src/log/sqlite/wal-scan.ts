/** What the bytes of a write-ahead log prove about commits that SQLite would drop in silence. */
export interface WalScan {
  /** Frames that SQLite will take, being whole up to here. */
  readonly wholeFrameCount: number;
  /** Transactions that end behind the first frame that is not whole. */
  readonly commitsBehindDamage: number;
}

const headerBytes = 32;
const frameHeaderBytes = 24;

/**
 * Scans a WAL the way SQLite does (walformat 3), and then past the first bad frame, where SQLite
 * stops without a word. Two or more commits behind it prove damage in the middle: with
 * synchronous=FULL at most the last transaction can be unfinished. One, or a bad header, proves
 * nothing: that is also what a crash leaves.
 */
export function scanWal(wal: Buffer): WalScan {
  const none = { wholeFrameCount: 0, commitsBehindDamage: 0 };
  if (wal.length < headerBytes) return none;
  const magicNumber = wal.readUInt32BE(0);
  if ((magicNumber & 0xfffffffe) >>> 0 !== 0x377f0682) return none;
  const bigEndian = (magicNumber & 1) === 1;
  const pageBytes = wal.readUInt32BE(8);
  let sum = checksum(wal.subarray(0, 24), [0, 0], bigEndian);
  if (!isStored(sum, wal, 24) || !isPageSize(pageBytes)) return none;

  const frameBytes = frameHeaderBytes + pageBytes;
  let wholeFrameCount = 0;
  let commitsBehindDamage = 0;
  let damaged = false;
  for (let at = headerBytes; at + frameBytes <= wal.length; at += frameBytes) {
    const ours = wal.compare(wal, 16, 24, at + 8, at + 16) === 0; // the same salts
    if (!damaged) {
      sum = checksum(wal.subarray(at, at + 8), sum, bigEndian);
      sum = checksum(wal.subarray(at + frameHeaderBytes, at + frameBytes), sum, bigEndian);
      damaged = !ours || !isStored(sum, wal, at + 16);
      if (!damaged) wholeFrameCount += 1;
    }
    // A frame that ends a transaction says how large the database is then.
    if (damaged && ours && wal.readUInt32BE(at + 4) !== 0) commitsBehindDamage += 1;
  }
  return { wholeFrameCount, commitsBehindDamage };
}

type Sum = readonly [number, number];

function isPageSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65_536 && (bytes & (bytes - 1)) === 0;
}

function isStored([first, second]: Sum, wal: Buffer, at: number): boolean {
  return wal.readUInt32BE(at) === first && wal.readUInt32BE(at + 4) === second;
}

function checksum(bytes: Buffer, [first, second]: Sum, bigEndian: boolean): Sum {
  let s0 = first;
  let s1 = second;
  for (let at = 0; at < bytes.length; at += 8) {
    const word0 = bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    const word1 = bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4);
    s0 = (s0 + word0 + s1) >>> 0;
    s1 = (s1 + word1 + s0) >>> 0;
  }
  return [s0, s1];
}
