-- Bounded counters in Redis or Valkey. Each call is one atomic step: Redis runs one script at a time, and nothing is
-- written before the last thing that can be refused or fail.
--
-- KEYS[1]  the open reservations of one counter key: a sorted set of records by the moment of their expiry
-- KEYS[2]  there if the reservation was closed before it was made
-- KEYS[3…] the counters
--
-- ARGV[1]  the operation
-- ARGV[2]  the moment it counts at, in Unix milliseconds; empty for the server's own clock
-- ARGV[3…] see each operation; of a counter, start and end are empty if it moves
--
-- Numbers are kept and answered as text of 17 digits, which is every double exactly.

local EPOCH = 1767225600000 -- 2026-01-01: moving counters are milliseconds since then
local DRAINED_KEPT = 600000 -- so long is a moving counter kept once it has drained
local RESERVATION_KEPT = 2764800000 -- 32 days
local CLOSED_KEPT = 3600000

local operation = ARGV[1]
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end

local function text(number)
  return string.format('%.17g', number)
end

-- The value of a counter; nil if it has none. Never takes something else for a counter that has none.
local function read(key)
  local value = redis.call('GET', key)
  if not value then return nil end
  local number = tonumber(value)
  if not number then error('a counter of the budget holds something that is no number') end
  return number
end

local function write(key, value, ends)
  local kept
  if not ends then
    kept = math.max(value + EPOCH - now, 0) + DRAINED_KEPT
  elseif ends < math.huge then
    kept = ends - now
  end
  if kept then
    redis.call('SET', key, text(value), 'PX', string.format('%.0f', math.max(1, math.ceil(kept))))
  else
    redis.call('SET', key, text(value))
  end
end

-- ARGV: record, then for each counter: amount, room, start, end
if operation == 'admit' then
  local answer, sums, admitted = { '1', text(now) }, {}, redis.call('EXISTS', KEYS[2]) == 0
  for i = 3, #KEYS do
    local at = 4 * i - 8
    local starts, ends = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    if ends and (now < starts or now >= ends) then return { 'stale', text(now) } end
    local floor = ends and 0 or now - EPOCH
    local value = read(KEYS[i])
    local sum = math.max(value or floor, floor) + tonumber(ARGV[at])
    if sum > floor + tonumber(ARGV[at + 1]) then admitted = false end
    sums[i] = sum
    answer[i] = value and text(value) or ''
  end
  if not admitted then
    answer[1] = '0'
    return answer
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
  redis.call('ZADD', KEYS[1], text(now + RESERVATION_KEPT), ARGV[3])
  redis.call('PEXPIRE', KEYS[1], RESERVATION_KEPT)
  for i = 3, #KEYS do
    write(KEYS[i], sums[i], tonumber(ARGV[4 * i - 5]))
    answer[i] = text(sums[i])
  end
  return answer
end

-- ARGV: record, '1' if it is certain that it was opened, then for each counter: reserved, used, start, end
if operation == 'settle' then
  local certain = ARGV[4] == '1'
  if not certain and redis.call('EXISTS', KEYS[2]) == 1 then return end
  local open = redis.call('ZSCORE', KEYS[1], ARGV[3])
  if certain and not open then return end
  local values = {}
  for i = 3, #KEYS do
    local at = 4 * i - 7
    local starts, ends = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    if not ends or (now >= starts and now < ends) then
      local floor = ends and 0 or now - EPOCH
      local delta = tonumber(ARGV[at + 1]) - (open and tonumber(ARGV[at]) or 0)
      if delta ~= 0 then values[i] = math.max((read(KEYS[i]) or floor) + delta, floor) end
    end
  end
  if open then redis.call('ZREM', KEYS[1], ARGV[3]) end
  if not certain then redis.call('SET', KEYS[2], '1', 'PX', CLOSED_KEPT) end
  for i, value in pairs(values) do write(KEYS[i], value, tonumber(ARGV[4 * i - 4])) end
  return
end

-- KEYS: the counters
if operation == 'read' then
  local answer = { text(now) }
  for i = 1, #KEYS do
    local value = read(KEYS[i])
    answer[i + 1] = value and text(value) or ''
  end
  return answer
end

if operation == 'delete' then return redis.call('DEL', unpack(KEYS)) end

if operation == 'reservations' then
  return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now), '+inf')
end

-- KEYS: the note; ARGV: its text
if operation == 'note' then return redis.call('SET', KEYS[1], ARGV[3], 'PX', RESERVATION_KEPT) end
if operation == 'noted' then return redis.call('GET', KEYS[1]) end

return redis.error_reply('ERR no operation of the budget')
