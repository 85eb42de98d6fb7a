/** What several scripts of the engine begin with; see `lua.ts`. */

/** Of every script. */
export const prelude = `
local P, a = ARGV[1], cjson.decode(ARGV[3])
if redis.call('GET', P..'epoch') ~= ARGV[2] then return '{"kind":"epoch"}' end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local day, hour, grace, void = 86400000, 3600000, 1000, 600000
local unknown = '{"code":"outcome_unknown","submitted":"unknown"}'
local function text(n) return string.format('%.0f', n) end
local function num(v) return tonumber(v) or 0 end
local function say(o) return cjson.encode(o) end
local function isOpen(st) return st == 'w' or st == 's' end
local function lives(st, dl) return isOpen(st) and num(dl) + grace >= now end
-- Its box died: nobody knows, and nobody sends it again.
local function lost(id)
  redis.call('HSET', P..'m:'..id, 'st', 'd', 'out', unknown)
  redis.call('PEXPIRE', P..'m:'..id, day + hour)
end
local function newest(sk) return redis.call('HMGET', P..'s:'..sk, 'wo', 'wi', 'wd', 'so', 'sa', 'wa') end
local function isVoid(h, order)
  return (h[4] and num(h[4]) > order and num(h[5]) + void > now)
    or (h[1] and num(h[1]) > order and num(h[3]) + grace >= now) or false
end
-- What has no order, for it came while the engine was away: whether another was asked for since.
local function isOlder(h, born)
  return (h[5] and num(h[5]) > born) or (h[6] and num(h[6]) > born and num(h[3]) + grace >= now) or false
end
local function started(sk, h, order, id)
  local s = P..'s:'..sk
  if num(h[4]) <= order then redis.call('HSET', s, 'so', order, 'sa', text(now)) end
  if h[1] and (h[2] == id or num(h[1]) <= order) then redis.call('HDEL', s, 'wo', 'wi', 'wd', 'wa') end
  redis.call('PEXPIRE', s, hour)
end
local function add(windows, place, at)
  for _, w in ipairs(windows) do
    local z = P..'w:'..w.k
    redis.call('ZREMRANGEBYSCORE', z, '-inf', text(now - day))
    redis.call('ZADD', z, 'NX', text(math.min(at, now)), place)
    redis.call('PEXPIRE', z, day)
    if string.sub(w.k, 1, 14) == 'l:per_country:' then
      redis.call('ZADD', P..'c', text(now), string.sub(w.k, 15))
      redis.call('PEXPIRE', P..'c', day)
    end
  end
end
local function freeAt(z, count, window)
  local first = redis.call('ZREVRANGE', z, count - 1, count - 1, 'WITHSCORES')
  if first[2] and num(first[2]) + window > now then return num(first[2]) + window end
  return 0
end
local function holdOf(kind, key)
  local h = redis.call('HMGET', P..'h:'..kind..':'..key, 'n', 'u')
  if h[1] and num(h[2]) + hour > now then return { n = num(h[1]), u = num(h[2]) } end
end
local function hold(kind, key, h)
  local k = P..'h:'..kind..':'..key
  redis.call('HSET', k, 'n', h.n, 'u', text(h.u))
  redis.call('PEXPIREAT', k, text(h.u + hour))
end
local function nextHold(kind, key, first, longest, atLeast, since)
  local before = holdOf(kind, key)
  local n = (before and before.n or 0) + 1
  local grown = math.max(first * 2 ^ (n - 1), atLeast)
  local u = since + math.min(grown, longest, 900000)
  return { n = n, u = math.max(u, before and before.u or 0) }
end
`;

/**
 * What stands in the way of a message, as the policy of one box judges it: the obstacles, the holds
 * that last, and the lock-out that it would begin. Changes nothing.
 */
export const judge = `
local function judge()
  local found, holds, begun = {}, {}, nil
  local function obstacle(o, u) o.left = u - now; found[#found + 1] = o end
  local function lasts(kind, key, h)
    obstacle({ k = 'hold', kind = kind, n = h.n }, h.u)
    holds[#holds + 1] = { kind = kind, key = key, n = h.n, left = h.u - now }
  end
  local function look(kind, key)
    local h = holdOf(kind, key)
    if h and h.u > now then lasts(kind, key, h) end
  end
  if not a.alert then look('lock_out', a.rec) end
  look('cool_down_recipient', a.rec)
  look('cool_down_block', a.blk)
  local full, fullRecipient = {}, 0
  for i, w in ipairs(a.windows) do
    for j, l in ipairs(w.l) do
      local u = freeAt(P..'w:'..w.k, l[1], l[2])
      if u > 0 then
        full[#full + 1] = { i = i, j = j, u = u }
        if w.r then fullRecipient = math.max(fullRecipient, u) end
      end
    end
  end
  if not a.alert and a.first > 0 then
    local last = redis.call('ZREVRANGE', P..'w:'..a.recWindow, 0, 0, 'WITHSCORES')
    if last[1] then
      local o = redis.call('HMGET', P..'m:'..last[1], 'st', 'dl', 'ke')
      local isKept = o[3] == '1' or not lives(o[1], o[2])
      local at = num(last[2])
      local before = holdOf('lock_out', a.rec)
      local isAfter = not before or at >= before.u
      if isKept and isAfter and #holds == 0 and (fullRecipient > 0 or before) then
        local h = nextHold('lock_out', a.rec, a.first, a.longest, math.max(0, fullRecipient - at), at)
        if h.u > now then
          obstacle({ k = 'hold', kind = 'lock_out', n = h.n }, h.u)
          begun = h
        end
      elseif not isKept and before and isAfter then obstacle({ k = 'earlier' }, now + a.first) end
    end
  end
  for _, f in ipairs(full) do obstacle({ k = 'window', i = f.i, j = f.j }, f.u) end
  return found, holds, begun
end
`;
