"""The steps of the shared counts, each one script that Redis runs undisturbed, by its own clock.

Keys, all of one relay key: `leases` (place -> when it lapses), `heads` (processes that wait, by
when they came), `fresh` (the same processes -> when they count as gone), `requests` (of the last
minute), `bucket` (tokens left, and when that was counted), `hold` (there while the relay asked
for a pause). Times in milliseconds.
"""

KEYS = ("leases", "heads", "fresh", "requests", "bucket", "hold")

_COMMON = """
local leases, heads, fresh, requests, bucket, hold = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local minute = 60000

-- Times of a clock that was set back since: what they say would hold for as long as that.
local skew = 5000
local function forget_future(key, latest)
  redis.call('ZREMRANGEBYSCORE', key, latest + skew, '+inf')
end

local function level(capacity, debt_minutes)
  local kept = redis.call('HMGET', bucket, 'level', 'at')
  if not kept[1] or kept[2] - now > skew then return capacity end
  -- A debt is of the limit that holds now, which may have been lowered since.
  local filled = math.max(-capacity * debt_minutes, tonumber(kept[1]))
  return math.min(capacity, filled + math.max(0, now - kept[2]) * capacity / minute)
end

local function pour(tokens, capacity, debt_minutes)
  if capacity == 0 then return end
  local poured = math.min(capacity, level(capacity, debt_minutes) + tokens)
  poured = math.max(-capacity * debt_minutes, poured)
  redis.call('HSET', bucket, 'level', tostring(poured), 'at', now)
  redis.call('PEXPIRE', bucket, minute * (debt_minutes + 2))
end
"""

TAKE = (
    _COMMON
    + """
local lease, process = ARGV[1], ARGV[2]
local max_streams, max_requests, capacity = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local tokens, lease_ms, fresh_ms = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local debt_minutes, max_hold_ms = tonumber(ARGV[9]), tonumber(ARGV[10])

-- Asked again because the first reply was lost on its way.
if redis.call('ZSCORE', leases, lease) then return {1, 0} end

forget_future(leases, now + math.max(lease_ms, minute))
forget_future(requests, now)

-- The heads of the processes are served in the order in which they came.
local function forget_processes(from, to)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', fresh, from, to)) do
    redis.call('ZREM', heads, gone)
  end
  redis.call('ZREMRANGEBYSCORE', fresh, from, to)
end
forget_processes('-inf', now)
forget_processes(now + math.max(fresh_ms, minute) + skew, '+inf')
redis.call('ZADD', heads, 'NX', time[1] * 1000000 + time[2], process)
redis.call('ZADD', fresh, now + fresh_ms, process)
redis.call('PEXPIRE', heads, minute)
redis.call('PEXPIRE', fresh, minute)
local first = redis.call('ZRANGE', heads, 0, 0)[1] == process

local wait = math.max(0, redis.call('PTTL', hold))
if wait > max_hold_ms + skew then
  redis.call('DEL', hold)
  wait = 0
end
if max_requests > 0 then
  redis.call('ZREMRANGEBYSCORE', requests, '-inf', now - minute)
  local beyond = redis.call('ZCARD', requests) - max_requests
  if beyond >= 0 then
    local oldest = redis.call('ZRANGE', requests, beyond, beyond, 'WITHSCORES')
    wait = math.max(wait, oldest[2] + minute - now)
  end
end
if capacity > 0 then
  local lacking = math.min(tokens, capacity) - level(capacity, debt_minutes)
  wait = math.max(wait, math.ceil(lacking * minute / capacity))
end
if wait > 0 then return {0, wait} end
if not first then return {0, 0} end

redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
if max_streams > 0 and redis.call('ZCARD', leases) >= max_streams then return {0, 0} end

redis.call('ZADD', leases, now + lease_ms, lease)
redis.call('PEXPIRE', leases, math.max(lease_ms, minute))
if max_requests > 0 then
  redis.call('ZADD', requests, now, lease)
  redis.call('PEXPIRE', requests, minute * 2)
end
pour(-tokens, capacity, debt_minutes)
redis.call('ZREM', heads, process)
redis.call('ZREM', fresh, process)
return {1, 0}
"""
)

GIVE_BACK = (
    _COMMON
    + """
local lease, tokens, capacity = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('ZREM', leases, lease) == 0 then return 0 end
pour(tokens, capacity, tonumber(ARGV[4]))
if ARGV[5] == 'undo' then redis.call('ZREM', requests, lease) end
return 1
"""
)

RENEW = (
    _COMMON
    + """
for i = 2, #ARGV do redis.call('ZADD', leases, now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', leases, math.max(tonumber(ARGV[1]), minute))
return 1
"""
)

HOLD_OFF = (
    _COMMON
    + """
if redis.call('PTTL', hold) < tonumber(ARGV[1]) then
  redis.call('SET', hold, 1, 'PX', ARGV[1])
end
return 1
"""
)

STEP_BACK = (
    _COMMON
    + """
redis.call('ZREM', heads, ARGV[1])
redis.call('ZREM', fresh, ARGV[1])
return 1
"""
)
