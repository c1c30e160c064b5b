import { timingSafeEqual } from 'node:crypto';
import { UnanimousError } from '@unanimous/proto';
import type { Entry, Owner } from './entry.ts';

/** Passes for who began the transaction. @throws UnanimousError `not-owner`. */
export function checkOwner(entry: Entry, owner: Owner): void {
  const is = entry.owner;
  if (is && 'session' in is && 'session' in owner && is.session === owner.session) return;
  if (is && 'secret' in is && 'secret' in owner && isSame(is.secret, owner.secret)) return;
  const { gid } = entry.state;
  throw new UnanimousError('not-owner', `transaction ${gid} was begun by somebody else`, { gid });
}

/** Compares secrets in a time that tells nothing of where they differ. */
function isSame(secret: string, shown: string): boolean {
  const [a, b] = [Buffer.from(secret), Buffer.from(shown)];
  return a.length === b.length && timingSafeEqual(a, b);
}
