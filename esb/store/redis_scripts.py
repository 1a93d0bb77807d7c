"""Scripts that a Redis server runs in one step. Time is the server's: the clocks of the machines differ.

Numbers of microseconds are written by string.format, since Lua would round them.
"""

from dataclasses import dataclass
from hashlib import sha1

VERSION = 16
"""Characters at the beginning of a kept value that are its version."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the name by which a server knows it once it has seen it."""

    text: str
    name: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


READ = _script("""
local kept = redis.call('GET', KEYS[1])
if not kept then return {} end
return {kept, redis.call('PTTL', KEYS[1])}
""")
"""KEYS: the key. Returns the value kept, and the milliseconds that are left of it; nothing if there is none."""

ADD = _script("""
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if KEYS[2] then
  if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[2]) then
    return -math.max(1, redis.call('PTTL', KEYS[2]))
  end
  if redis.call('INCR', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return 1
""")
"""KEYS: the key, and the number of its share's keys, if it counts in one. ARGV: milliseconds, the most keys of a share
in how many milliseconds. Returns 1 if the key was new, 0 if it was not, or less: the milliseconds until there is room.
"""

SWAP = _script(f"""
local kept = redis.call('GET', KEYS[1])
if kept and ARGV[1] ~= '*' and string.sub(kept, 1, {VERSION}) ~= ARGV[1] then
  return {{kept, redis.call('PTTL', KEYS[1])}}
end
if KEYS[2] then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) and not redis.call('ZSCORE', KEYS[2], KEYS[1]) then
    return math.max(1, redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] - now)
  end
  redis.call('ZADD', KEYS[2], now + ARGV[3], KEYS[1])
  local left = math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[3]))
  redis.call('PEXPIRE', KEYS[2], left)
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
return {{}}
""")
"""KEYS: the key, and the list of its share's values, if it counts in one. ARGV: the version seen ("*": any), the value,
milliseconds, channel ("": none), message, the most values of a share.
Returns nothing if the value was set, the one kept and its milliseconds if that is another, or the milliseconds until
there is room in a full share."""

DROP = _script(f"""
local kept = redis.call('GET', KEYS[1])
if not kept or string.sub(kept, 1, {VERSION}) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if KEYS[2] then redis.call('ZREM', KEYS[2], KEYS[1]) end
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return 1
""")
"""KEYS: the key, and the list of its share's values, if it counts in one. ARGV: the version, channel, message.
Returns 1 if the version was the one kept, otherwise 0."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

RESERVE = _script(f"""{_NOW}
local times, limit, window, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ends = string.format('%.0f', now + tonumber(ARGV[5]))
local function at(key, index) return tonumber(redis.call('ZRANGE', key, index, index, 'WITHSCORES')[2]) end
local waits = {{}}
for index, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
  local over, wait = redis.call('ZCARD', key) + times - limit, 0
  if over > 0 then wait = at(key, over - 1) + window - now end
  if wait <= patience then
    for number = 1, times do redis.call('ZADD', key, ends, ARGV[6] .. ':' .. number) end
    redis.call('PEXPIRE', key, math.ceil((at(key, -1) + window - now) / 1000))
  end
  waits[index] = string.format('%.0f', wait)
end
return waits
""")
"""KEYS: the keys. ARGV: times, limit, window, patience and held in microseconds, receipt. Returns the microseconds to
wait, for each key. A key is a sorted set: until when each permit may be used."""

SETTLE = _script(f"""{_NOW}
for _, key in ipairs(KEYS) do
  for number = 1, ARGV[1] do
    redis.call('ZADD', key, 'XX', string.format('%.0f', now), ARGV[2] .. ':' .. number)
  end
end
""")
"""KEYS: the keys. ARGV: times, receipt. Returns nothing."""

RESERVED = _script(f"""{_NOW}
local counted = {{}}
for index, key in ipairs(KEYS) do
  counted[index] = redis.call('ZCOUNT', key, string.format('(%.0f', now - ARGV[1]), '+inf')
end
return counted
""")
"""KEYS: the keys. ARGV: window in microseconds. Returns the permits of each key that count."""


def _counting(step: str) -> Script:
    """Return the script that counts the permits of a list, and does this step in between."""
    return _script(f"""{_NOW}
local key, length = KEYS[1], redis.call('LLEN', KEYS[1])
local function at(index) return tonumber(redis.call('LINDEX', key, index)) end
local over, most, longest = {{}}, 0, 0
for rule = 1, #ARGV, 2 do
  local limit, window = tonumber(ARGV[rule]), tonumber(ARGV[rule + 1])
  most, longest = math.max(most, limit), math.max(longest, window)
  if length >= limit and at(-limit) > now - window then over[#over + 1] = (rule - 1) / 2 end
end
{step}
local windows = {{}}
for rule = 1, #ARGV, 2 do
  local limit, window = tonumber(ARGV[rule]), tonumber(ARGV[rule + 1])
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if at(middle) <= now - window then low = middle + 1 else high = middle end
  end
  local counted = math.min(limit, length - low)
  local leaves = 0
  if counted > 0 then leaves = at(-counted) + window - now end
  windows[#windows + 1] = {{limit - counted, string.format('%.0f', leaves)}}
end
return {{over, windows}}
""")


TAKE = _counting("""
if #over == 0 then
  redis.call('RPUSH', key, string.format('%.0f', now))
  redis.call('LTRIM', key, -most, -1)
  redis.call('PEXPIRE', key, math.ceil(longest / 1000))
  length = redis.call('LLEN', key)
end
""")
"""KEYS: the key. ARGV: limit and window in microseconds, for each rule. Returns the rules that are over, counted
from 0; and what each has left, with the microseconds until its oldest leaves. One list serves all rules: the limit-th
newest tells whether a rule allows one more."""

WINDOWS = _counting("")
"""TAKE without its step: it takes nothing."""
