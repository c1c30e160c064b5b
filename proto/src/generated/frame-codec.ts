// Written by `npm run proto:generate`.
import type { Abort, AbortBranch, Acknowledgement, Ask, Begin, Begun, BranchKind, Commit, CommitBranch, CommitKind, CoordinatorFrame, Enlist, Enlisted, Hello, Heuristic, InDoubt, LogPosition, OpenBranch, Outcome, OutcomeKind, PeerFrame, PendingBranch, Prepare, Reason, Refusal, Reserve, Reserved, Result, Serve, Served, Verdict, VerdictKind, Vote, VoteKind, Welcome, Whole, WholeBranch } from './messages.js';
import { WireReader, WireWriter } from '../wire-format.ts';

const numberOfBranchKind: Record<BranchKind, number> = { BRANCH_KIND_UNSPECIFIED: 0, NATIVE: 1, LOGGED: 2, LAST: 3 };
const wordsOfBranchKind: readonly [BranchKind, ...BranchKind[]] = ['BRANCH_KIND_UNSPECIFIED', 'NATIVE', 'LOGGED', 'LAST'];

const numberOfCommitKind: Record<CommitKind, number> = { COMMIT_UNSPECIFIED: 0, COMMIT_PREPARED: 1, APPLY: 2, ONE_PHASE: 3, SETTLE: 4 };
const wordsOfCommitKind: readonly [CommitKind, ...CommitKind[]] = ['COMMIT_UNSPECIFIED', 'COMMIT_PREPARED', 'APPLY', 'ONE_PHASE', 'SETTLE'];

const numberOfOutcomeKind: Record<OutcomeKind, number> = { OUTCOME_UNSPECIFIED: 0, OUTCOME_COMMITTED: 1, OUTCOME_ABORTED: 2, OUTCOME_UNKNOWN: 3, OUTCOME_EXPIRED: 4 };
const wordsOfOutcomeKind: readonly [OutcomeKind, ...OutcomeKind[]] = ['OUTCOME_UNSPECIFIED', 'OUTCOME_COMMITTED', 'OUTCOME_ABORTED', 'OUTCOME_UNKNOWN', 'OUTCOME_EXPIRED'];

const numberOfResult: Record<Result, number> = { RESULT_UNSPECIFIED: 0, COMMITTED: 1, ROLLED_BACK: 2, UNKNOWN_RESULT: 3, PENDING: 4 };
const wordsOfResult: readonly [Result, ...Result[]] = ['RESULT_UNSPECIFIED', 'COMMITTED', 'ROLLED_BACK', 'UNKNOWN_RESULT', 'PENDING'];

const numberOfVerdictKind: Record<VerdictKind, number> = { VERDICT_UNSPECIFIED: 0, VERDICT_COMMIT: 1, VERDICT_ABORT: 2, VERDICT_WAIT: 3, VERDICT_HAZARD: 4, VERDICT_FOREIGN: 5 };
const wordsOfVerdictKind: readonly [VerdictKind, ...VerdictKind[]] = ['VERDICT_UNSPECIFIED', 'VERDICT_COMMIT', 'VERDICT_ABORT', 'VERDICT_WAIT', 'VERDICT_HAZARD', 'VERDICT_FOREIGN'];

const numberOfVoteKind: Record<VoteKind, number> = { VOTE_UNSPECIFIED: 0, YES: 1, NO: 2, READ_ONLY: 3, READY: 4 };
const wordsOfVoteKind: readonly [VoteKind, ...VoteKind[]] = ['VOTE_UNSPECIFIED', 'YES', 'NO', 'READ_ONLY', 'READY'];

function boundAbort(message: Abort): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.gid);
  if (message.reason) bytes += boundReason(message.reason);
  return bytes;
}

export function writeAbort(writer: WireWriter, message: Abort): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
  if (message.reason) { const at = writer.open(26); writeReason(writer, message.reason); writer.close(at); }
}

export function readAbort(reader: WireReader, end: number): Abort {
  let ref = 0;
  let gid = '';
  let reason: Reason | null = null;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      case 26: reason = readReason(reader, reader.end()); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid, reason };
}

function boundAbortBranch(message: AbortBranch): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  bytes += WireWriter.boundOf(message.receipt);
  bytes += WireWriter.boundOf(message.incarnation);
  return bytes;
}

export function writeAbortBranch(writer: WireWriter, message: AbortBranch): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.rm) writer.text(26, message.rm);
  if (message.receipt) writer.text(34, message.receipt);
  if (message.incarnation) writer.text(42, message.incarnation);
}

export function readAbortBranch(reader: WireReader, end: number): AbortBranch {
  let gid = '';
  let branch = 0;
  let rm = '';
  let receipt = '';
  let incarnation = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 26: rm = reader.text(); break;
      case 34: receipt = reader.text(); break;
      case 42: incarnation = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, rm, receipt, incarnation };
}

function boundAcknowledgement(message: Acknowledgement): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  if (message.reason) bytes += boundReason(message.reason);
  return bytes;
}

export function writeAcknowledgement(writer: WireWriter, message: Acknowledgement): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.rm) writer.text(26, message.rm);
  writer.word(32, numberOfResult[message.result]);
  if (message.reason) { const at = writer.open(42); writeReason(writer, message.reason); writer.close(at); }
}

export function readAcknowledgement(reader: WireReader, end: number): Acknowledgement {
  let gid = '';
  let branch = 0;
  let rm = '';
  let result = wordsOfResult[0];
  let reason: Reason | null = null;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 26: rm = reader.text(); break;
      case 32: result = reader.word(wordsOfResult); break;
      case 42: reason = readReason(reader, reader.end()); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, rm, result, reason };
}

function boundAsk(message: Ask): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.gid);
  return bytes;
}

export function writeAsk(writer: WireWriter, message: Ask): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
}

export function readAsk(reader: WireReader, end: number): Ask {
  let ref = 0;
  let gid = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid };
}

function boundBegin(message: Begin): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.name);
  bytes += WireWriter.boundOf(message.gid);
  for (const one of message.branches) bytes += boundOpenBranch(one);
  return bytes;
}

export function writeBegin(writer: WireWriter, message: Begin): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.timeoutMs) writer.uint32(16, message.timeoutMs);
  if (message.name) writer.text(26, message.name);
  if (message.gid) writer.text(34, message.gid);
  for (const one of message.branches) { const at = writer.open(42); writeOpenBranch(writer, one); writer.close(at); }
}

export function readBegin(reader: WireReader, end: number): Begin {
  let ref = 0;
  let timeoutMs = 0;
  let name = '';
  let gid = '';
  const branches: OpenBranch[] = [];
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 16: timeoutMs = reader.uint32(); break;
      case 26: name = reader.text(); break;
      case 34: gid = reader.text(); break;
      case 42: branches.push(readOpenBranch(reader, reader.end())); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, timeoutMs, name, gid, branches };
}

function boundBegun(message: Begun): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.gid);
  return bytes;
}

export function writeBegun(writer: WireWriter, message: Begun): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
  if (message.remainingMs) writer.uint32(24, message.remainingMs);
}

export function readBegun(reader: WireReader, end: number): Begun {
  let ref = 0;
  let gid = '';
  let remainingMs = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      case 24: remainingMs = reader.uint32(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid, remainingMs };
}

function boundCommit(message: Commit): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.gid);
  return bytes;
}

export function writeCommit(writer: WireWriter, message: Commit): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
  if (message.waitAppliedMs) writer.uint32(24, message.waitAppliedMs);
}

export function readCommit(reader: WireReader, end: number): Commit {
  let ref = 0;
  let gid = '';
  let waitAppliedMs = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      case 24: waitAppliedMs = reader.uint32(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid, waitAppliedMs };
}

function boundCommitBranch(message: CommitBranch): number {
  let bytes = 67;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  bytes += WireWriter.boundOf(message.receipt);
  bytes += 7 + message.redo.length;
  bytes += WireWriter.boundOf(message.incarnation);
  return bytes;
}

export function writeCommitBranch(writer: WireWriter, message: CommitBranch): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.rm) writer.text(26, message.rm);
  writer.word(32, numberOfCommitKind[message.kind]);
  if (message.receipt) writer.text(42, message.receipt);
  if (message.redo?.length) writer.bytes(50, message.redo);
  if (message.epoch) writer.uint64(56, message.epoch);
  if (message.seq) writer.uint64(64, message.seq);
  if (message.lowWaterSeq) writer.uint64(72, message.lowWaterSeq);
  if (message.incarnation) writer.text(82, message.incarnation);
}

export function readCommitBranch(reader: WireReader, end: number): CommitBranch {
  let gid = '';
  let branch = 0;
  let rm = '';
  let kind = wordsOfCommitKind[0];
  let receipt = '';
  let redo: Buffer = WireReader.noBytes;
  let epoch = 0;
  let seq = 0;
  let lowWaterSeq = 0;
  let incarnation = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 26: rm = reader.text(); break;
      case 32: kind = reader.word(wordsOfCommitKind); break;
      case 42: receipt = reader.text(); break;
      case 50: redo = reader.bytes(); break;
      case 56: epoch = reader.uint64('epoch'); break;
      case 64: seq = reader.uint64('seq'); break;
      case 72: lowWaterSeq = reader.uint64('lowWaterSeq'); break;
      case 82: incarnation = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, rm, kind, receipt, redo, epoch, seq, lowWaterSeq, incarnation };
}

function boundCoordinatorFrame(message: CoordinatorFrame): number {
  let bytes = 19;
  if (message.welcome) bytes += boundWelcome(message.welcome);
  if (message.position) bytes += boundLogPosition(message.position);
  for (const one of message.served) bytes += boundServed(one);
  for (const one of message.commits) bytes += boundCommitBranch(one);
  for (const one of message.aborts) bytes += boundAbortBranch(one);
  for (const one of message.verdicts) bytes += boundVerdict(one);
  for (const one of message.enlisted) bytes += boundEnlisted(one);
  for (const one of message.begun) bytes += boundBegun(one);
  for (const one of message.prepares) bytes += boundPrepare(one);
  for (const one of message.outcomes) bytes += boundOutcome(one);
  for (const one of message.refusals) bytes += boundRefusal(one);
  for (const one of message.reserved) bytes += boundReserved(one);
  return bytes;
}

export function writeCoordinatorFrame(writer: WireWriter, message: CoordinatorFrame): void {
  if (message.welcome) { const at = writer.open(10); writeWelcome(writer, message.welcome); writer.close(at); }
  if (message.position) { const at = writer.open(18); writeLogPosition(writer, message.position); writer.close(at); }
  for (const one of message.served) { const at = writer.open(26); writeServed(writer, one); writer.close(at); }
  for (const one of message.commits) { const at = writer.open(34); writeCommitBranch(writer, one); writer.close(at); }
  for (const one of message.aborts) { const at = writer.open(42); writeAbortBranch(writer, one); writer.close(at); }
  for (const one of message.verdicts) { const at = writer.open(50); writeVerdict(writer, one); writer.close(at); }
  for (const one of message.enlisted) { const at = writer.open(58); writeEnlisted(writer, one); writer.close(at); }
  for (const one of message.begun) { const at = writer.open(66); writeBegun(writer, one); writer.close(at); }
  for (const one of message.prepares) { const at = writer.open(74); writePrepare(writer, one); writer.close(at); }
  for (const one of message.outcomes) { const at = writer.open(82); writeOutcome(writer, one); writer.close(at); }
  for (const one of message.refusals) { const at = writer.open(90); writeRefusal(writer, one); writer.close(at); }
  if (message.draining) writer.bool(96, message.draining);
  for (const one of message.reserved) { const at = writer.open(106); writeReserved(writer, one); writer.close(at); }
}

export function readCoordinatorFrame(reader: WireReader, end: number): CoordinatorFrame {
  let welcome: Welcome | null = null;
  let position: LogPosition | null = null;
  const served: Served[] = [];
  const commits: CommitBranch[] = [];
  const aborts: AbortBranch[] = [];
  const verdicts: Verdict[] = [];
  const enlisted: Enlisted[] = [];
  const begun: Begun[] = [];
  const prepares: Prepare[] = [];
  const outcomes: Outcome[] = [];
  const refusals: Refusal[] = [];
  let draining = false;
  const reserved: Reserved[] = [];
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: welcome = readWelcome(reader, reader.end()); break;
      case 18: position = readLogPosition(reader, reader.end()); break;
      case 26: served.push(readServed(reader, reader.end())); break;
      case 34: commits.push(readCommitBranch(reader, reader.end())); break;
      case 42: aborts.push(readAbortBranch(reader, reader.end())); break;
      case 50: verdicts.push(readVerdict(reader, reader.end())); break;
      case 58: enlisted.push(readEnlisted(reader, reader.end())); break;
      case 66: begun.push(readBegun(reader, reader.end())); break;
      case 74: prepares.push(readPrepare(reader, reader.end())); break;
      case 82: outcomes.push(readOutcome(reader, reader.end())); break;
      case 90: refusals.push(readRefusal(reader, reader.end())); break;
      case 96: draining = reader.bool(); break;
      case 106: reserved.push(readReserved(reader, reader.end())); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { welcome, position, served, commits, aborts, verdicts, enlisted, begun, prepares, outcomes, refusals, draining, reserved };
}

function boundEnlist(message: Enlist): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  return bytes;
}

export function writeEnlist(writer: WireWriter, message: Enlist): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
  if (message.rm) writer.text(26, message.rm);
  if (message.canOnePhase) writer.bool(32, message.canOnePhase);
}

export function readEnlist(reader: WireReader, end: number): Enlist {
  let ref = 0;
  let gid = '';
  let rm = '';
  let canOnePhase = false;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      case 26: rm = reader.text(); break;
      case 32: canOnePhase = reader.bool(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid, rm, canOnePhase };
}

function boundEnlisted(_message: Enlisted): number {
  const bytes = 43;
  return bytes;
}

export function writeEnlisted(writer: WireWriter, message: Enlisted): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.remainingMs) writer.uint32(24, message.remainingMs);
}

export function readEnlisted(reader: WireReader, end: number): Enlisted {
  let ref = 0;
  let branch = 0;
  let remainingMs = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 16: branch = reader.uint32(); break;
      case 24: remainingMs = reader.uint32(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, branch, remainingMs };
}

function boundHello(message: Hello): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.instance);
  bytes += WireWriter.boundOf(message.service);
  bytes += WireWriter.boundOf(message.sdk);
  if (message.seen) bytes += boundLogPosition(message.seen);
  return bytes;
}

export function writeHello(writer: WireWriter, message: Hello): void {
  if (message.protocolMin) writer.uint32(8, message.protocolMin);
  if (message.protocolMax) writer.uint32(16, message.protocolMax);
  if (message.instance) writer.text(26, message.instance);
  if (message.service) writer.text(34, message.service);
  if (message.sdk) writer.text(42, message.sdk);
  if (message.seen) { const at = writer.open(50); writeLogPosition(writer, message.seen); writer.close(at); }
}

export function readHello(reader: WireReader, end: number): Hello {
  let protocolMin = 0;
  let protocolMax = 0;
  let instance = '';
  let service = '';
  let sdk = '';
  let seen: LogPosition | null = null;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: protocolMin = reader.uint32(); break;
      case 16: protocolMax = reader.uint32(); break;
      case 26: instance = reader.text(); break;
      case 34: service = reader.text(); break;
      case 42: sdk = reader.text(); break;
      case 50: seen = readLogPosition(reader, reader.end()); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { protocolMin, protocolMax, instance, service, sdk, seen };
}

function boundHeuristic(message: Heuristic): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.rm);
  if (message.reason) bytes += boundReason(message.reason);
  return bytes;
}

export function writeHeuristic(writer: WireWriter, message: Heuristic): void {
  if (message.branch) writer.uint32(8, message.branch);
  if (message.rm) writer.text(18, message.rm);
  writer.word(24, numberOfResult[message.result]);
  if (message.reason) { const at = writer.open(34); writeReason(writer, message.reason); writer.close(at); }
}

export function readHeuristic(reader: WireReader, end: number): Heuristic {
  let branch = 0;
  let rm = '';
  let result = wordsOfResult[0];
  let reason: Reason | null = null;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: branch = reader.uint32(); break;
      case 18: rm = reader.text(); break;
      case 24: result = reader.word(wordsOfResult); break;
      case 34: reason = readReason(reader, reader.end()); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { branch, rm, result, reason };
}

function boundInDoubt(message: InDoubt): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  bytes += WireWriter.boundOf(message.incarnation);
  return bytes;
}

export function writeInDoubt(writer: WireWriter, message: InDoubt): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.rm) writer.text(26, message.rm);
  if (message.incarnation) writer.text(34, message.incarnation);
}

export function readInDoubt(reader: WireReader, end: number): InDoubt {
  let gid = '';
  let branch = 0;
  let rm = '';
  let incarnation = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 26: rm = reader.text(); break;
      case 34: incarnation = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, rm, incarnation };
}

function boundLogPosition(message: LogPosition): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.logId);
  bytes += WireWriter.boundOf(message.nonce);
  bytes += WireWriter.boundOf(message.chain);
  return bytes;
}

export function writeLogPosition(writer: WireWriter, message: LogPosition): void {
  if (message.logId) writer.text(10, message.logId);
  if (message.epoch) writer.uint64(16, message.epoch);
  if (message.nonce) writer.text(26, message.nonce);
  if (message.seq) writer.uint64(32, message.seq);
  if (message.chain) writer.text(42, message.chain);
}

export function readLogPosition(reader: WireReader, end: number): LogPosition {
  let logId = '';
  let epoch = 0;
  let nonce = '';
  let seq = 0;
  let chain = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: logId = reader.text(); break;
      case 16: epoch = reader.uint64('epoch'); break;
      case 26: nonce = reader.text(); break;
      case 32: seq = reader.uint64('seq'); break;
      case 42: chain = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { logId, epoch, nonce, seq, chain };
}

function boundOpenBranch(message: OpenBranch): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.rm);
  return bytes;
}

export function writeOpenBranch(writer: WireWriter, message: OpenBranch): void {
  if (message.rm) writer.text(10, message.rm);
  if (message.canOnePhase) writer.bool(16, message.canOnePhase);
}

export function readOpenBranch(reader: WireReader, end: number): OpenBranch {
  let rm = '';
  let canOnePhase = false;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: rm = reader.text(); break;
      case 16: canOnePhase = reader.bool(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { rm, canOnePhase };
}

function boundOutcome(message: Outcome): number {
  let bytes = 43;
  bytes += WireWriter.boundOf(message.gid);
  for (const one of message.pending) bytes += boundPendingBranch(one);
  if (message.reason) bytes += boundReason(message.reason);
  for (const one of message.heuristics) bytes += boundHeuristic(one);
  return bytes;
}

export function writeOutcome(writer: WireWriter, message: Outcome): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
  writer.word(24, numberOfOutcomeKind[message.kind]);
  if (message.applied) writer.bool(32, message.applied);
  for (const one of message.pending) { const at = writer.open(42); writePendingBranch(writer, one); writer.close(at); }
  if (message.reason) { const at = writer.open(50); writeReason(writer, message.reason); writer.close(at); }
  for (const one of message.heuristics) { const at = writer.open(58); writeHeuristic(writer, one); writer.close(at); }
}

export function readOutcome(reader: WireReader, end: number): Outcome {
  let ref = 0;
  let gid = '';
  let kind = wordsOfOutcomeKind[0];
  let applied = false;
  const pending: PendingBranch[] = [];
  let reason: Reason | null = null;
  const heuristics: Heuristic[] = [];
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      case 24: kind = reader.word(wordsOfOutcomeKind); break;
      case 32: applied = reader.bool(); break;
      case 42: pending.push(readPendingBranch(reader, reader.end())); break;
      case 50: reason = readReason(reader, reader.end()); break;
      case 58: heuristics.push(readHeuristic(reader, reader.end())); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid, kind, applied, pending, reason, heuristics };
}

function boundPeerFrame(message: PeerFrame): number {
  let bytes = 7;
  if (message.hello) bytes += boundHello(message.hello);
  for (const one of message.serves) bytes += boundServe(one);
  for (const one of message.acknowledgements) bytes += boundAcknowledgement(one);
  for (const one of message.votes) bytes += boundVote(one);
  for (const one of message.inDoubts) bytes += boundInDoubt(one);
  for (const one of message.enlists) bytes += boundEnlist(one);
  for (const one of message.begins) bytes += boundBegin(one);
  for (const one of message.aborts) bytes += boundAbort(one);
  for (const one of message.commits) bytes += boundCommit(one);
  for (const one of message.asks) bytes += boundAsk(one);
  for (const one of message.reserves) bytes += boundReserve(one);
  for (const one of message.wholes) bytes += boundWhole(one);
  return bytes;
}

export function writePeerFrame(writer: WireWriter, message: PeerFrame): void {
  if (message.hello) { const at = writer.open(10); writeHello(writer, message.hello); writer.close(at); }
  for (const one of message.serves) { const at = writer.open(18); writeServe(writer, one); writer.close(at); }
  for (const one of message.acknowledgements) { const at = writer.open(26); writeAcknowledgement(writer, one); writer.close(at); }
  for (const one of message.votes) { const at = writer.open(34); writeVote(writer, one); writer.close(at); }
  for (const one of message.inDoubts) { const at = writer.open(42); writeInDoubt(writer, one); writer.close(at); }
  for (const one of message.enlists) { const at = writer.open(50); writeEnlist(writer, one); writer.close(at); }
  for (const one of message.begins) { const at = writer.open(58); writeBegin(writer, one); writer.close(at); }
  for (const one of message.aborts) { const at = writer.open(66); writeAbort(writer, one); writer.close(at); }
  for (const one of message.commits) { const at = writer.open(74); writeCommit(writer, one); writer.close(at); }
  for (const one of message.asks) { const at = writer.open(82); writeAsk(writer, one); writer.close(at); }
  for (const one of message.reserves) { const at = writer.open(90); writeReserve(writer, one); writer.close(at); }
  for (const one of message.wholes) { const at = writer.open(98); writeWhole(writer, one); writer.close(at); }
}

export function readPeerFrame(reader: WireReader, end: number): PeerFrame {
  let hello: Hello | null = null;
  const serves: Serve[] = [];
  const acknowledgements: Acknowledgement[] = [];
  const votes: Vote[] = [];
  const inDoubts: InDoubt[] = [];
  const enlists: Enlist[] = [];
  const begins: Begin[] = [];
  const aborts: Abort[] = [];
  const commits: Commit[] = [];
  const asks: Ask[] = [];
  const reserves: Reserve[] = [];
  const wholes: Whole[] = [];
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: hello = readHello(reader, reader.end()); break;
      case 18: serves.push(readServe(reader, reader.end())); break;
      case 26: acknowledgements.push(readAcknowledgement(reader, reader.end())); break;
      case 34: votes.push(readVote(reader, reader.end())); break;
      case 42: inDoubts.push(readInDoubt(reader, reader.end())); break;
      case 50: enlists.push(readEnlist(reader, reader.end())); break;
      case 58: begins.push(readBegin(reader, reader.end())); break;
      case 66: aborts.push(readAbort(reader, reader.end())); break;
      case 74: commits.push(readCommit(reader, reader.end())); break;
      case 82: asks.push(readAsk(reader, reader.end())); break;
      case 90: reserves.push(readReserve(reader, reader.end())); break;
      case 98: wholes.push(readWhole(reader, reader.end())); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { hello, serves, acknowledgements, votes, inDoubts, enlists, begins, aborts, commits, asks, reserves, wholes };
}

function boundPendingBranch(message: PendingBranch): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.rm);
  if (message.reason) bytes += boundReason(message.reason);
  return bytes;
}

export function writePendingBranch(writer: WireWriter, message: PendingBranch): void {
  if (message.branch) writer.uint32(8, message.branch);
  if (message.rm) writer.text(18, message.rm);
  if (message.reason) { const at = writer.open(26); writeReason(writer, message.reason); writer.close(at); }
}

export function readPendingBranch(reader: WireReader, end: number): PendingBranch {
  let branch = 0;
  let rm = '';
  let reason: Reason | null = null;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: branch = reader.uint32(); break;
      case 18: rm = reader.text(); break;
      case 26: reason = readReason(reader, reader.end()); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { branch, rm, reason };
}

function boundPrepare(message: Prepare): number {
  let bytes = 43;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  bytes += 7 + message.work.length;
  return bytes;
}

export function writePrepare(writer: WireWriter, message: Prepare): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.rm) writer.text(26, message.rm);
  if (message.remainingMs) writer.uint32(32, message.remainingMs);
  if (message.onePhase) writer.bool(40, message.onePhase);
  if (message.work?.length) writer.bytes(50, message.work);
}

export function readPrepare(reader: WireReader, end: number): Prepare {
  let gid = '';
  let branch = 0;
  let rm = '';
  let remainingMs = 0;
  let onePhase = false;
  let work: Buffer = WireReader.noBytes;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 26: rm = reader.text(); break;
      case 32: remainingMs = reader.uint32(); break;
      case 40: onePhase = reader.bool(); break;
      case 50: work = reader.bytes(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, rm, remainingMs, onePhase, work };
}

function boundReason(message: Reason): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.code);
  bytes += WireWriter.boundOf(message.message);
  bytes += WireWriter.boundOf(message.hint);
  bytes += WireWriter.boundOf(message.rm);
  return bytes;
}

export function writeReason(writer: WireWriter, message: Reason): void {
  if (message.code) writer.text(10, message.code);
  if (message.message) writer.text(18, message.message);
  if (message.hint) writer.text(26, message.hint);
  if (message.rm) writer.text(34, message.rm);
  if (message.retryable) writer.bool(40, message.retryable);
}

export function readReason(reader: WireReader, end: number): Reason {
  let code = '';
  let message = '';
  let hint = '';
  let rm = '';
  let retryable = false;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: code = reader.text(); break;
      case 18: message = reader.text(); break;
      case 26: hint = reader.text(); break;
      case 34: rm = reader.text(); break;
      case 40: retryable = reader.bool(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { code, message, hint, rm, retryable };
}

function boundRefusal(message: Refusal): number {
  let bytes = 31;
  if (message.reason) bytes += boundReason(message.reason);
  return bytes;
}

export function writeRefusal(writer: WireWriter, message: Refusal): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.reason) { const at = writer.open(18); writeReason(writer, message.reason); writer.close(at); }
  if (message.retryAfterMs) writer.uint32(24, message.retryAfterMs);
}

export function readRefusal(reader: WireReader, end: number): Refusal {
  let ref = 0;
  let reason: Reason | null = null;
  let retryAfterMs = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: reason = readReason(reader, reader.end()); break;
      case 24: retryAfterMs = reader.uint32(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, reason, retryAfterMs };
}

function boundReserve(_message: Reserve): number {
  const bytes = 31;
  return bytes;
}

export function writeReserve(writer: WireWriter, message: Reserve): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.unusedFrom) writer.uint64(16, message.unusedFrom);
}

export function readReserve(reader: WireReader, end: number): Reserve {
  let ref = 0;
  let unusedFrom = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 16: unusedFrom = reader.uint64('unusedFrom'); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, unusedFrom };
}

function boundReserved(_message: Reserved): number {
  const bytes = 43;
  return bytes;
}

export function writeReserved(writer: WireWriter, message: Reserved): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.first) writer.uint64(16, message.first);
  if (message.count) writer.uint32(24, message.count);
}

export function readReserved(reader: WireReader, end: number): Reserved {
  let ref = 0;
  let first = 0;
  let count = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 16: first = reader.uint64('first'); break;
      case 24: count = reader.uint32(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, first, count };
}

function boundServe(message: Serve): number {
  let bytes = 43;
  bytes += WireWriter.boundOf(message.rm);
  bytes += WireWriter.boundOf(message.identity);
  bytes += WireWriter.boundOf(message.incarnation);
  if (message.seen) bytes += boundLogPosition(message.seen);
  return bytes;
}

export function writeServe(writer: WireWriter, message: Serve): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.rm) writer.text(18, message.rm);
  if (message.identity) writer.text(26, message.identity);
  if (message.incarnation) writer.text(34, message.incarnation);
  writer.word(40, numberOfBranchKind[message.kind]);
  if (message.seen) { const at = writer.open(50); writeLogPosition(writer, message.seen); writer.close(at); }
  if (message.takesWork) writer.bool(56, message.takesWork);
}

export function readServe(reader: WireReader, end: number): Serve {
  let ref = 0;
  let rm = '';
  let identity = '';
  let incarnation = '';
  let kind = wordsOfBranchKind[0];
  let seen: LogPosition | null = null;
  let takesWork = false;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: rm = reader.text(); break;
      case 26: identity = reader.text(); break;
      case 34: incarnation = reader.text(); break;
      case 40: kind = reader.word(wordsOfBranchKind); break;
      case 50: seen = readLogPosition(reader, reader.end()); break;
      case 56: takesWork = reader.bool(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, rm, identity, incarnation, kind, seen, takesWork };
}

function boundServed(message: Served): number {
  let bytes = 19;
  bytes += WireWriter.boundOf(message.rm);
  return bytes;
}

export function writeServed(writer: WireWriter, message: Served): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.rm) writer.text(18, message.rm);
}

export function readServed(reader: WireReader, end: number): Served {
  let ref = 0;
  let rm = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: rm = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, rm };
}

function boundVerdict(message: Verdict): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.rm);
  if (message.word) bytes += boundReason(message.word);
  return bytes;
}

export function writeVerdict(writer: WireWriter, message: Verdict): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  if (message.rm) writer.text(26, message.rm);
  writer.word(32, numberOfVerdictKind[message.kind]);
  if (message.word) { const at = writer.open(42); writeReason(writer, message.word); writer.close(at); }
}

export function readVerdict(reader: WireReader, end: number): Verdict {
  let gid = '';
  let branch = 0;
  let rm = '';
  let kind = wordsOfVerdictKind[0];
  let word: Reason | null = null;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 26: rm = reader.text(); break;
      case 32: kind = reader.word(wordsOfVerdictKind); break;
      case 42: word = readReason(reader, reader.end()); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, rm, kind, word };
}

function boundVote(message: Vote): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.receipt);
  bytes += 7 + message.redo.length;
  if (message.reason) bytes += boundReason(message.reason);
  bytes += WireWriter.boundOf(message.incarnation);
  return bytes;
}

export function writeVote(writer: WireWriter, message: Vote): void {
  if (message.gid) writer.text(10, message.gid);
  if (message.branch) writer.uint32(16, message.branch);
  writer.word(24, numberOfVoteKind[message.kind]);
  if (message.receipt) writer.text(34, message.receipt);
  if (message.redo?.length) writer.bytes(42, message.redo);
  if (message.reason) { const at = writer.open(50); writeReason(writer, message.reason); writer.close(at); }
  if (message.incarnation) writer.text(58, message.incarnation);
}

export function readVote(reader: WireReader, end: number): Vote {
  let gid = '';
  let branch = 0;
  let kind = wordsOfVoteKind[0];
  let receipt = '';
  let redo: Buffer = WireReader.noBytes;
  let reason: Reason | null = null;
  let incarnation = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: gid = reader.text(); break;
      case 16: branch = reader.uint32(); break;
      case 24: kind = reader.word(wordsOfVoteKind); break;
      case 34: receipt = reader.text(); break;
      case 42: redo = reader.bytes(); break;
      case 50: reason = readReason(reader, reader.end()); break;
      case 58: incarnation = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { gid, branch, kind, receipt, redo, reason, incarnation };
}

function boundWelcome(message: Welcome): number {
  let bytes = 79;
  bytes += WireWriter.boundOf(message.coordinator);
  bytes += WireWriter.boundOf(message.logId);
  return bytes;
}

export function writeWelcome(writer: WireWriter, message: Welcome): void {
  if (message.protocol) writer.uint32(8, message.protocol);
  if (message.coordinator) writer.text(18, message.coordinator);
  if (message.logId) writer.text(26, message.logId);
  if (message.epoch) writer.uint64(32, message.epoch);
  if (message.session) writer.uint64(40, message.session);
  if (message.maxPayloadBytes) writer.uint32(48, message.maxPayloadBytes);
  if (message.maxBranches) writer.uint32(56, message.maxBranches);
  if (message.maxTimeoutMs) writer.uint32(64, message.maxTimeoutMs);
}

export function readWelcome(reader: WireReader, end: number): Welcome {
  let protocol = 0;
  let coordinator = '';
  let logId = '';
  let epoch = 0;
  let session = 0;
  let maxPayloadBytes = 0;
  let maxBranches = 0;
  let maxTimeoutMs = 0;
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: protocol = reader.uint32(); break;
      case 18: coordinator = reader.text(); break;
      case 26: logId = reader.text(); break;
      case 32: epoch = reader.uint64('epoch'); break;
      case 40: session = reader.uint64('session'); break;
      case 48: maxPayloadBytes = reader.uint32(); break;
      case 56: maxBranches = reader.uint32(); break;
      case 64: maxTimeoutMs = reader.uint32(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { protocol, coordinator, logId, epoch, session, maxPayloadBytes, maxBranches, maxTimeoutMs };
}

function boundWhole(message: Whole): number {
  let bytes = 43;
  bytes += WireWriter.boundOf(message.gid);
  bytes += WireWriter.boundOf(message.name);
  for (const one of message.branches) bytes += boundWholeBranch(one);
  return bytes;
}

export function writeWhole(writer: WireWriter, message: Whole): void {
  if (message.ref) writer.uint32(8, message.ref);
  if (message.gid) writer.text(18, message.gid);
  if (message.remainingMs) writer.uint32(24, message.remainingMs);
  if (message.name) writer.text(34, message.name);
  if (message.waitAppliedMs) writer.uint32(40, message.waitAppliedMs);
  for (const one of message.branches) { const at = writer.open(50); writeWholeBranch(writer, one); writer.close(at); }
}

export function readWhole(reader: WireReader, end: number): Whole {
  let ref = 0;
  let gid = '';
  let remainingMs = 0;
  let name = '';
  let waitAppliedMs = 0;
  const branches: WholeBranch[] = [];
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 8: ref = reader.uint32(); break;
      case 18: gid = reader.text(); break;
      case 24: remainingMs = reader.uint32(); break;
      case 34: name = reader.text(); break;
      case 40: waitAppliedMs = reader.uint32(); break;
      case 50: branches.push(readWholeBranch(reader, reader.end())); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { ref, gid, remainingMs, name, waitAppliedMs, branches };
}

function boundWholeBranch(message: WholeBranch): number {
  let bytes = 31;
  bytes += WireWriter.boundOf(message.rm);
  bytes += WireWriter.boundOf(message.receipt);
  bytes += 7 + message.redo.length;
  if (message.reason) bytes += boundReason(message.reason);
  bytes += WireWriter.boundOf(message.incarnation);
  return bytes;
}

export function writeWholeBranch(writer: WireWriter, message: WholeBranch): void {
  if (message.rm) writer.text(10, message.rm);
  if (message.canOnePhase) writer.bool(16, message.canOnePhase);
  writer.word(24, numberOfVoteKind[message.kind]);
  if (message.receipt) writer.text(34, message.receipt);
  if (message.redo?.length) writer.bytes(42, message.redo);
  if (message.reason) { const at = writer.open(50); writeReason(writer, message.reason); writer.close(at); }
  if (message.incarnation) writer.text(58, message.incarnation);
}

export function readWholeBranch(reader: WireReader, end: number): WholeBranch {
  let rm = '';
  let canOnePhase = false;
  let kind = wordsOfVoteKind[0];
  let receipt = '';
  let redo: Buffer = WireReader.noBytes;
  let reason: Reason | null = null;
  let incarnation = '';
  while (reader.at < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10: rm = reader.text(); break;
      case 16: canOnePhase = reader.bool(); break;
      case 24: kind = reader.word(wordsOfVoteKind); break;
      case 34: receipt = reader.text(); break;
      case 42: redo = reader.bytes(); break;
      case 50: reason = readReason(reader, reader.end()); break;
      case 58: incarnation = reader.text(); break;
      default: reader.skip(tag);
    }
  }
  reader.checkEnd(end);
  return { rm, canOnePhase, kind, receipt, redo, reason, incarnation };
}

export const boundsOfPeerFrame = {
  serves: boundServe,
  acknowledgements: boundAcknowledgement,
  votes: boundVote,
  inDoubts: boundInDoubt,
  enlists: boundEnlist,
  begins: boundBegin,
  aborts: boundAbort,
  commits: boundCommit,
  asks: boundAsk,
  reserves: boundReserve,
  wholes: boundWhole,
};

export const boundsOfCoordinatorFrame = {
  served: boundServed,
  commits: boundCommitBranch,
  aborts: boundAbortBranch,
  verdicts: boundVerdict,
  enlisted: boundEnlisted,
  begun: boundBegun,
  prepares: boundPrepare,
  outcomes: boundOutcome,
  refusals: boundRefusal,
  reserved: boundReserved,
};
