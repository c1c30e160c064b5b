import type { Gid } from '@unanimous/proto';
import { redisScript } from './redis-server.ts';

/**
 * Adds a message unless it is there, in one step. KEYS: the stream, and a sorted set of the ids that
 * were added, by the place of their decision. Ids below the low-water mark never come again.
 * ARGV: id, place, low-water place, most entries or '', then fields and values.
 * A place is the decision's `seq`, which never goes back in one log, whatever the epoch.
 */
export const addScript = redisScript(`
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[3])
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
local add = {'XADD', KEYS[1]}
if ARGV[4] ~= '' then add = {'XADD', KEYS[1], 'MAXLEN', '~', ARGV[4]} end
add[#add + 1] = '*'
for n = 5, #ARGV do add[#add + 1] = ARGV[n] end
redis.call(unpack(add)) -- may fail, and nothing that a script did is undone: so the id comes after
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
`);

/** Where the ids of a stream's messages from one log are kept: in the same slot of a cluster. */
export function idsKey(stream: string, gid: Gid): string {
  const logId = gid.slice(0, gid.indexOf('-'));
  const slot = /\{[^}]+\}/.test(stream) ? stream : `{${stream}}`;
  return `unanimous:ids:${slot}:${logId}`;
}
