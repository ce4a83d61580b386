-- Bounded counters in Redis or Valkey. Each call is one atomic step: Redis runs one script at a time, and nothing is
-- written before the last thing that can be refused or fail.
--
-- KEYS[1]  the open reservations of one counter key: a sorted set of records by the second they were opened in
-- KEYS[2]  there if the reservation was closed before it was made
-- KEYS[3…] the counters
--
-- ARGV[1]  the operation
-- ARGV[2]  the moment it counts at, in Unix milliseconds; empty for the server's own clock
-- ARGV[3…] see each operation; lists of numbers are JSON, and the end of a counter that moves is null
--
-- Numbers are kept as text of 17 digits, which is every double exactly: redis.call writes them so. Answers have
-- counters as they are kept and, with the server's own clock, its seconds and microseconds in the end.
--
-- What takes the time here are commands, then numbers made from text and text from numbers: so there are few.

local EPOCH = 1767225600000 -- 2026-01-01: moving counters are milliseconds since then
local DRAINED_KEPT = 600000 -- so long is a moving counter kept once it has drained
local RESERVATION_KEPT = 2764800 -- seconds: 32 days
local NOTE_KEPT = '2764800000'
local OPEN_KEPT = '2764801000' -- until the last of them has expired
local CLOSED_KEPT = '3600000'
local FOR_EVER = 1e15 -- farther than any moment that is one

local call, tonumber = redis.call, tonumber
local operation = ARGV[1]
local now, time = tonumber(ARGV[2]), {}
if not now then
  time = call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
local second = time[1] or math.floor(now / 1000)

-- The value of a counter for which MGET gave this; nil if it has none. Never takes something else for a counter that
-- has none.
local function number(value, key)
  if not value then
    call('GET', key) -- Fails where there is something that MGET does not see.
    return nil
  end
  local result = tonumber(value)
  -- Neither 'nan' nor 'inf', which are numbers to Lua: every sum with them would fit, or none.
  if not result or result - result ~= 0 then error('a counter of the budget holds something that is no number') end
  return result
end

local function write(key, value, ends)
  local kept
  if ends then
    kept = ends - now
  else
    kept = value + EPOCH - now
    if kept < 0 then kept = 0 end
    kept = kept + DRAINED_KEPT
  end
  if kept < FOR_EVER then
    call('SET', key, value, 'PX', kept - kept % 1 + 1)
  else
    call('SET', key, value)
  end
end

local function answer(values)
  local length = #values
  values[length + 1], values[length + 2] = time[1], time[2]
  return values
end

-- ARGV: record; latest start, then for each counter: amount, room, end
-- Answers what came of it, and the values before it.
if operation == 'admit' then
  local values, numbers, sums, ending = call('MGET', unpack(KEYS, 2)), cjson.decode(ARGV[4]), {}, {}
  local outcome, stale = values[1] and 'denied' or 'admitted', now < numbers[1]
  for i = 2, #KEYS - 1 do
    local at = 3 * i - 4
    local floor, ends = 0, numbers[at + 2]
    if ends == cjson.null then
      floor, ends = now - EPOCH, nil
    elseif now >= ends then
      stale = true
    end
    local sum = number(values[i], KEYS[i + 1])
    if not sum or sum < floor then sum = floor end
    sum = sum + numbers[at]
    if sum > floor + numbers[at + 1] then outcome = 'denied' end
    sums[i], ending[i] = sum, ends
  end
  if stale then outcome = 'stale' end
  -- Clients that reconnect may send again what they got no answer to: an open reservation is not counted twice.
  if outcome ~= 'admitted' then
    if call('ZSCORE', KEYS[1], ARGV[3]) then outcome = 'open' end
  -- The first to be written, because it is refused where memory is full; after a write of any kind nothing is.
  elseif call('ZADD', KEYS[1], 'NX', second, ARGV[3]) == 0 then
    outcome = 'open'
  else
    call('PEXPIRE', KEYS[1], OPEN_KEPT)
    -- Now and then: the set itself expires, so this is only for one that is used all the time.
    if now % 1 < 0.02 then call('ZREMRANGEBYSCORE', KEYS[1], '-inf', second - RESERVATION_KEPT) end
    for i = 2, #KEYS - 1 do write(KEYS[i + 1], sums[i], ending[i]) end
  end
  values[1] = outcome
  return answer(values)
end

-- ARGV: record; '1' if it is certain that it was opened; for each counter: reserved, used, start, end
if operation == 'settle' then
  local certain, values, numbers = ARGV[4] == '1', call('MGET', unpack(KEYS, 2)), cjson.decode(ARGV[5])
  if not certain and values[1] then return end
  local before, floors, ending = {}, {}, {}
  for i = 2, #KEYS - 1 do
    local floor, starts, ends = 0, numbers[4 * i - 5], numbers[4 * i - 4]
    if ends == cjson.null then floor, starts, ends = now - EPOCH, now, nil end
    if now >= starts and (not ends or now < ends) then
      before[i], floors[i], ending[i] = number(values[i], KEYS[i + 1]) or floor, floor, ends
    end
  end
  local open = call('ZREM', KEYS[1], ARGV[3]) == 1
  if certain and not open then return end
  if not certain then call('SET', KEYS[2], '1', 'PX', CLOSED_KEPT) end
  for i, value in pairs(before) do
    local delta = numbers[4 * i - 6] - (open and numbers[4 * i - 7] or 0)
    if delta ~= 0 then write(KEYS[i + 1], math.max(value + delta, floors[i]), ending[i]) end
  end
  return
end

-- KEYS: the counters
if operation == 'read' then
  local values = call('MGET', unpack(KEYS))
  for i = 1, #KEYS do number(values[i], KEYS[i]) end
  return answer(values)
end

if operation == 'delete' then return call('DEL', unpack(KEYS)) end

if operation == 'reservations' then
  return call('ZRANGEBYSCORE', KEYS[1], '(' .. second - RESERVATION_KEPT, '+inf')
end

-- KEYS: the note; ARGV: its text
if operation == 'note' then return call('SET', KEYS[1], ARGV[3], 'PX', NOTE_KEPT) end
if operation == 'noted' then return call('GET', KEYS[1]) end

return redis.error_reply('ERR no operation of the budget')
