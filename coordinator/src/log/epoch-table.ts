import { UnanimousError } from '@unanimous/proto/vocabulary';
import type { Holder, LogPosition } from './decision-log.ts';
import { type Frame, type FrameContent, parsePayload } from './record-codec.ts';

/** One epoch: its random number, and the last seq that was written in it. */
export interface EpochEntry {
  nonce: string;
  lastSeq: number;
}

/** Every epoch that the log ever had, by number; kept for ever (PROTOCOL rule 17). */
export type EpochTable = Map<number, EpochEntry>;

/** The record that begins an epoch. */
export function epochRecord(nonce: string, holder: Holder): FrameContent {
  return { kind: 'epoch', payload: JSON.stringify({ nonce, holder }) };
}

/** The record that carries the whole table, so that the records before it may be dropped. */
export function epochTableRecord(table: EpochTable): FrameContent {
  const epochs = [...table].map(([epoch, { nonce, lastSeq }]) => [epoch, nonce, lastSeq]);
  return { kind: 'epochs', payload: JSON.stringify({ epochs }) };
}

/** Takes in what a frame says about epochs; call it for every frame of the log. */
export function noteEpoch(table: EpochTable, frame: Frame): void {
  // Records of epoch 0 belong to a start-up: no participant can have seen their places.
  if (frame.epoch > 0) extendEpoch(table, frame.epoch, '', frame.seq);
  if (frame.kind === 'epoch') {
    const nonce = String(parsePayload(frame.payload)['nonce']);
    extendEpoch(table, frame.epoch, nonce, frame.seq);
  }
  if (frame.kind === 'epochs') {
    const stored = parsePayload(frame.payload)['epochs'] as [number, string, number][];
    for (const [epoch, nonce, lastSeq] of stored) extendEpoch(table, epoch, nonce, lastSeq);
  }
}

function extendEpoch(table: EpochTable, epoch: number, nonce: string, lastSeq: number): void {
  const entry = table.get(epoch) ?? { nonce, lastSeq };
  entry.nonce ||= nonce;
  entry.lastSeq = Math.max(entry.lastSeq, lastSeq);
  table.set(epoch, entry);
}

/**
 * Checks that the table is whole, once all frames are noted.
 * @throws UnanimousError `log-damaged` when records belong to an epoch that no record began.
 */
export function checkEpochs(table: EpochTable): void {
  for (const [epoch, { nonce }] of table) {
    if (!nonce) throw new UnanimousError('log-damaged', `no record says how epoch ${epoch} began`);
  }
}

/** Highest epoch so far; 0 before the first. */
export function lastEpoch(table: EpochTable): number {
  let last = 0;
  for (const epoch of table.keys()) last = Math.max(last, epoch);
  return last;
}

/** Whether the log can ever have handed out a position: same epoch, and not beyond its end. */
export function reaches(table: EpochTable, position: LogPosition): boolean {
  const entry = table.get(position.epoch);
  return entry?.nonce === position.nonce && position.seq > 0 && position.seq <= entry.lastSeq;
}
