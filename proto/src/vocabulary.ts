// The words that all parts share: ids, names and errors. Without gRPC, so that the pure cores and the
// log's thread load nothing that they don't need.

export { type BranchId, branchIdPrefix, formatBranchId, parseBranchId } from './branch-id.ts';
export { isIncarnation } from './branch-id.ts';
export { type ErrorCode, errorCodes, type ErrorDetails, isErrorCode } from './errors.ts';
export { type Reason, readReason, reason, UnanimousError } from './errors.ts';
export { type Birth, compareBirths, formatGid, type Gid, parseGid } from './gid.ts';
export { homeGid, type HomeOutcome, parseHomeGid } from './gid.ts';
export { type LogId, type ParsedGid, parseLogId } from './gid.ts';
export { checkRmName } from './rm-name.ts';

// For the project's own kill tests: names of moments, inert by themselves.
export { failpoint, type OnFailpoint } from './failpoint.ts';
