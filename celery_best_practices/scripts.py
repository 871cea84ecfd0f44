"""What happens inside Redis? Four Lua scripts: admit a run, finish it, sweep lost reservations, grant credits.

Each is one round trip and atomic, on the server's clock. Keys, all in one database (no cluster: a limit is shared by all users):

- `{module}.{function}:{auth_context}:…`: a result (see `contract.CacheKey`); with `:lock` behind it, who is computing it
- `crb:rate:<task>`: the runs of the last `rate_window`, by time
- `crb:balance:{user.<id>}`: credit type -> credits left
- `crb:ledger:<task id>`: one charge, reserved -> committed or refunded; kept for `LEDGER_LIFETIME`
- `crb:deadlines`: task ids with reserved credits, by the time at which their run counts as lost
- `crb:grant:{user.<id>}:<idempotency key>`: a grant that was made
- `crb:stats`: counters, `<task>:<what>`
"""

from __future__ import annotations

LEDGER_LIFETIME = 30 * 24 * 3600
"""Seconds: longer than any redelivery or retry of a task."""

GRANT_LIFETIME = 90 * 24 * 3600
"""Seconds for which an idempotency key is remembered."""

INVALIDATED = "invalidated"
"""The holder of a lock whose result must not be stored: it was computed from what is no longer true."""

_LEDGER = """
local function now_in_microseconds()
  local clock = redis.call('TIME')
  return clock[1] * 1000000 + clock[2]
end
local function number(value) return string.format('%.0f', value) end
local function refund(id)
  local entry = redis.call('HMGET', 'crb:ledger:' .. id, 'state', 'user', 'type', 'amount')
  if entry[1] == 'reserved' then
    redis.call('HINCRBY', 'crb:balance:{' .. entry[2] .. '}', entry[3], entry[4])
    redis.call('HSET', 'crb:ledger:' .. id, 'state', 'refunded')
  end
  redis.call('ZREM', 'crb:deadlines', id)
end
local function sweep(now, most)
  local lost = redis.call('ZRANGEBYSCORE', 'crb:deadlines', '-inf', number(now), 'LIMIT', 0, most)
  for _, id in ipairs(lost) do refund(id) end
  return #lost
end
"""

ADMIT = (
    f"""
local cache, rate = KEYS[1], KEYS[2]
local task, token = ARGV[1], ARGV[2]
local lock = cache .. ':lock'
if cache ~= '' then
  local value = redis.call('GET', cache)
  if value then
    redis.call('HINCRBY', 'crb:stats', task .. ':hit', 1)
    return value
  end
  local holder = redis.call('GET', lock)
  if holder and holder ~= token and holder ~= '{INVALIDATED}' then return {{'running'}} end
end
"""
    + _LEDGER
    + f"""
local lock_ms, limit, window_us, amount, hold_us = string.match(ARGV[3], '(%d+) (%d+) (%d+) (%d+) (%d+)')
limit, window_us, amount = tonumber(limit), tonumber(window_us), tonumber(amount)
local id, user, kind = ARGV[4], ARGV[5], ARGV[6]
local now = (limit > 0 or amount > 0) and now_in_microseconds()
local state, ledger, balance
if amount > 0 then
  sweep(now, 10)
  ledger, balance = 'crb:ledger:' .. id, 'crb:balance:{{' .. user .. '}}'
  state = redis.call('HGET', ledger, 'state')
  if state ~= 'reserved' and state ~= 'committed' then
    local left = tonumber(redis.call('HGET', balance, kind) or 0)
    if left < amount then
      redis.call('HINCRBY', 'crb:stats', task .. ':poor', 1)
      return {{'poor', number(left)}}
    end
  end
end
if limit > 0 then
  redis.call('ZREMRANGEBYSCORE', rate, '-inf', number(now - window_us))
  if redis.call('ZCARD', rate) >= limit then
    redis.call('HINCRBY', 'crb:stats', task .. ':limited', 1)
    local oldest = redis.call('ZRANGE', rate, 0, 0, 'WITHSCORES')
    return {{'limited', number(oldest[2] + window_us - now)}}
  end
  redis.call('ZADD', rate, number(now), token .. number(now))
  redis.call('PEXPIRE', rate, math.ceil(window_us / 1000))
end
if amount > 0 and state ~= 'committed' then
  if state ~= 'reserved' then
    redis.call('HINCRBY', balance, kind, -amount)
    redis.call('HSET', ledger, 'state', 'reserved', 'user', user, 'type', kind, 'amount', amount)
    redis.call('EXPIRE', ledger, {LEDGER_LIFETIME})
  end
  redis.call('ZADD', 'crb:deadlines', number(now + hold_us), id)
end
if cache ~= '' then
  redis.call('HINCRBY', 'crb:stats', task .. ':miss', 1)
  redis.call('SET', lock, token, 'PX', lock_ms)
end
return 1
"""
)
"""KEYS: result, rate ('' where the task has none). ARGV: task, token of this run, "<lock ms> <limit> <window µs> <amount>
<reservation µs>" (0 where the task has none) and, where it is charged, task id, user, credit type. Gives 1 (run), the result that is
kept, ['running'], ['limited', µs to wait] or ['poor', balance]."""

FINISH = (
    _LEDGER
    + f"""
local cache, lock = KEYS[1], KEYS[2]
local token, outcome, id, ttl_ms, hold_us, counter = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
if cache ~= '' then
  local holder = redis.call('GET', lock)
  if ttl_ms > 0 and (not holder or holder == token) then redis.call('SET', cache, ARGV[4], 'PX', ttl_ms) end
  if holder == token or holder == '{INVALIDATED}' then redis.call('DEL', lock) end
end
if counter ~= '' then redis.call('HINCRBY', 'crb:stats', counter, 1) end
if outcome == 'commit' then
  local ledger = 'crb:ledger:' .. id
  local entry = redis.call('HMGET', ledger, 'state', 'user', 'type', 'amount')
  if entry[1] == 'refunded' then redis.call('HINCRBY', 'crb:balance:{{' .. entry[2] .. '}}', entry[3], -entry[4]) end
  if entry[1] then redis.call('HSET', ledger, 'state', 'committed') end
  redis.call('ZREM', 'crb:deadlines', id)
elseif outcome == 'refund' then
  refund(id)
elseif outcome == 'keep' then
  redis.call('ZADD', 'crb:deadlines', 'XX', number(now_in_microseconds() + hold_us), id)
end
return 1
"""
)
"""KEYS: result, lock ('' where nothing is cached). ARGV: token of this run, what becomes of the credits (commit, refund, keep or ''),
task id, encoded value, ms to keep it (0: no value), reservation µs, counter to raise or ''. A reservation that was given back
in the meantime, because the run counted as lost, is charged again by commit: the balance may go below zero."""

SWEEP = _LEDGER + "return sweep(now_in_microseconds(), tonumber(ARGV[1]))"
"""ARGV: most reservations to give back. Gives how many were."""

GRANT = f"""
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', {GRANT_LIFETIME}) then return redis.call('HGET', KEYS[1], ARGV[1]) or '0' end
return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
"""
"""KEYS: balance, idempotency key. ARGV: credit type, amount. Gives the balance."""
