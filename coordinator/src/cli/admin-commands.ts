import { userInfo } from 'node:os';
import type { ListReply, ResolveRequest, StatusReply, TransactionView } from '@unanimous/proto';
import { askAdmin, type ConnectionFlags } from './ask-admin.ts';
import { exitCodes } from './exit-codes.ts';
import { listJson, showJson, statusJson } from './transaction-json.ts';
import type { Terminal } from './terminal.ts';
import { listText, needsAttention, showText, statusText } from './transaction-text.ts';

/** Flags of every command that asks a coordinator. */
export interface AdminFlags extends ConnectionFlags {
  readonly json?: boolean;
}

/** Flags of `unanimous list`. */
export interface ListFlags extends AdminFlags {
  readonly state?: readonly string[];
  readonly limit: number;
  readonly after?: string;
}

/** Flags of `unanimous resolve`. */
export interface ResolveFlags extends AdminFlags {
  readonly branch: number;
  readonly as: keyof typeof resolutions;
  readonly reason: string;
  readonly operator?: string;
}

/** What an operator may say of a branch, and its name in the contract. */
export const resolutions = {
  committed: 'RESOLVED_COMMITTED',
  'rolled-back': 'RESOLVED_ROLLED_BACK',
  abandoned: 'RESOLVED_ABANDONED',
} as const satisfies Record<string, ResolveRequest['resolution']>;

/** `unanimous list`. Answers the exit code. */
export async function listCommand(flags: ListFlags, terminal: Terminal): Promise<number> {
  const { state: states = [], limit, after = '', json } = flags;
  const request = { states: [...states], limit, after };
  const { transactions, more } = await askAdmin<ListReply>(flags, (client, ...rest) => {
    client.list(request, ...rest);
  });
  terminal.out(json ? listJson(transactions, more) : listText(transactions, more, terminal.paint));
  return transactions.some(needsAttention) ? exitCodes.attention : exitCodes.ok;
}

/** `unanimous show`. Answers the exit code. */
export async function showCommand(
  gid: string,
  flags: AdminFlags,
  terminal: Terminal,
): Promise<number> {
  const transaction = await askAdmin<TransactionView>(flags, (client, ...rest) => {
    client.show({ gid }, ...rest);
  });
  terminal.out(flags.json ? showJson(transaction) : showText(transaction, terminal.paint));
  return needsAttention(transaction) ? exitCodes.attention : exitCodes.ok;
}

/** `unanimous resolve`. Answers the exit code. */
export async function resolveCommand(
  gid: string,
  flags: ResolveFlags,
  terminal: Terminal,
): Promise<number> {
  const { branch, reason, operator = systemUser(), json } = flags;
  const request = { gid, branch, resolution: resolutions[flags.as], reason, operator };
  const transaction = await askAdmin<TransactionView>(flags, (client, ...rest) => {
    client.resolve(request, ...rest);
  });
  terminal.out(json ? showJson(transaction) : showText(transaction, terminal.paint));
  return exitCodes.ok;
}

/** `unanimous status`. Answers the exit code. */
export async function statusCommand(flags: AdminFlags, terminal: Terminal): Promise<number> {
  const status = await askAdmin<StatusReply>(flags, (client, ...rest) => {
    client.status({}, ...rest);
  });
  terminal.out(flags.json ? statusJson(status) : statusText(status));
  return exitCodes.ok;
}

/** The user of the operating system; empty where it has no name, which the coordinator refuses. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? '';
  }
}
