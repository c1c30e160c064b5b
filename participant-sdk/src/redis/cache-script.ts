import { redisScript } from './redis-server.ts';

/**
 * All that the cache does to an entry, in one step of the server each. An entry is a hash:
 *   v value, JSON · x when it expires, ms · n version of the newest write that was seen
 *   l lease of the reader that loads the value; `-` stands for an old one · e when it expires, ms
 *   g the server's life (master_replid) that v and l belong to
 * A server that restarted or was promoted may hold values from before writes that it had confirmed
 * and then lost. Its replication id is another one, so values of another life are not served.
 *
 * One reader at a time loads a value; the others wait for it. Its fill is refused when something
 * was written meanwhile or its lease is over, and it then reads again: so a reader returns only what
 * the cache held at that time, and the cache never goes behind it. An old lease stays, as a sign that
 * somebody has read the database since: a `set` that comes late then leaves its version, no value.
 *
 * ARGV: operation, ms that a version is kept, then
 *   get: lease, its ms · fill: lease, value, version or '', ms to live · none: lease · invalidate
 *   set: value, version, ms to live · remove: version
 */
export const cacheScript = redisScript(`
local key, op, keep = KEYS[1], ARGV[1], tonumber(ARGV[2])
local life = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', key, 'v', 'x', 'n', 'l', 'e', 'g')
local value, version, lease = found[1], tonumber(found[3]), found[4]
if found[6] ~= life then value, lease = false, false end
if value and tonumber(found[2]) <= now then value = false end

local function whole(number) return string.format('%.0f', number) end
local function put(text, ms)
  redis.call('HSET', key, 'v', text, 'x', whole(now + ms), 'g', life)
  redis.call('HDEL', key, 'l', 'e')
  redis.call('PEXPIRE', key, whole(ms + keep))
end
local function drop(newLease, ms)
  redis.call('HDEL', key, 'v', 'x')
  redis.call('HSET', key, 'l', newLease, 'e', whole(now + ms), 'g', life)
  redis.call('PEXPIRE', key, whole(ms + keep))
end

if op == 'get' then
  if value then return 'v' .. value end
  if lease and tonumber(found[5]) > now then return 'wait' end
  drop(ARGV[3], tonumber(ARGV[4]))
  return 'load'
end
if op == 'none' then
  if lease ~= ARGV[3] then return 0 end
  drop('-', 0)
  return 1
end
if op == 'fill' then
  local mine = tonumber(ARGV[5])
  if lease ~= ARGV[3] then return 0 end
  if version and not mine then return -1 end
  if version and mine < version then drop('-', 0) return 0 end
  put(ARGV[4], tonumber(ARGV[6]))
  if mine then redis.call('HSET', key, 'n', ARGV[5]) end
  return 1
end
if op == 'invalidate' then
  if redis.call('EXISTS', key) == 1 then drop('-', 0) end
  return 1
end
local mine = op == 'set' and ARGV[4] or ARGV[3]
if version and tonumber(mine) <= version then return 0 end
redis.call('HSET', key, 'n', mine)
if op == 'set' and not lease and not (value and not version) then
  put(ARGV[3], tonumber(ARGV[5]))
else
  drop('-', 0)
end
return 1
`);
