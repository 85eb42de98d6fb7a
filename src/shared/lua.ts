/**
 * What the engine runs, each as one atom (EVALSHA). Every script is given the prefix of its keys,
 * the epoch in which its box believes, and one JSON object; it answers with one. Time is the
 * engine's alone: boxes say how long ago something was.
 *
 * Keys behind the prefix: `epoch`; `seq`, the order in which messages were asked for first; `m:ID`
 * a message, which is also a place within the limits that a newer one may share; `k:HMAC` an
 * Idempotency-Key; `s:HMAC` the newest of a caller, recipient and type that waits (`w…`) and that
 * was started (`s…`); `w:…` a window, by time; `c` the countries that have one; `h:KIND:HMAC` a
 * lock-out or cool-down; `u:HMAC` the segments of a SIM by box and hour; `r:HMAC` its recipients;
 * `b:NAME` a box that lives; `o:ID` what was told and must not count again. All but `epoch` and
 * `seq` expire. A command that is new here is to be allowed in `config/boxes/users.acl`.
 */

/** Of every script. */
const prelude = `
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
const judge = `
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

/** Who sends this message? All of it that boxes must agree on before the first of its octets. */
const claim = `${judge}
local order
local kk = a.key and P..'k:'..a.key
if kk then
  local r = redis.call('HMGET', kk, 'rq', 'id', 'sq')
  if r[1] and r[1] ~= a.rq then return say({ kind = 'reused' }) end
  if r[1] and r[2] ~= a.id then
    local o = redis.call('HMGET', P..'m:'..r[2], 'st', 'dl', 'out')
    if o[1] == 'd' then return say({ kind = 'known', id = r[2], out = o[3] }) end
    if o[1] ~= 'n' then
      if lives(o[1], o[2]) then return say({ kind = 'elsewhere' }) end
      lost(r[2])
      return say({ kind = 'known', id = r[2], out = unknown })
    end
  end
  if r[1] and num(r[3]) > 0 then order = num(r[3]) end
end
if a.mode == 'look' then return say({ kind = 'none' }) end
order = order or redis.call('INCR', P..'seq')
local h = newest(a.sk)
if isVoid(h, order) then return say({ kind = 'superseded', sq = order }) end
local place, near = a.id, {}
local older = h[1] and num(h[1]) < order and num(h[3]) >= now and h[2]
local of = older and redis.call('HMGET', P..'m:'..older, 'st', 'pl')
if of and of[1] == 'w' and of[2] then
  -- At most one of the two is sent: the newer needs no place of its own.
  place = of[2]
  redis.call('HINCRBY', P..'m:'..place, 'ho', 1)
else
  local found, holds, begun = judge()
  if begun then
    hold('lock_out', a.rec, begun)
    holds[#holds + 1] = { kind = 'lock_out', key = a.rec, n = begun.n, left = begun.u - now }
  end
  if #found > 0 then return say({ kind = 'refused', sq = order, found = found, holds = holds }) end
  add(a.windows, place, now)
  for i, w in ipairs(a.windows) do
    for j, count in ipairs(w.near) do
      if freeAt(P..'w:'..w.k, count, w.l[j][2]) > 0 then near[#near + 1] = { i = i, j = j } end
    end
  end
end
local m = P..'m:'..a.id
local isNow = a.mode == 'start'
redis.call('HSET', m, 'st', isNow and 's' or 'w', 'dl', text(now + a.left), 'bx', a.box, 'ca', a.caller,
  'at', text(now - a.age), 'sg', a.segments, 'pl', place, 'sq', order)
if place == a.id then redis.call('HSET', m, 'ho', 1) end
redis.call('PEXPIRE', m, day + hour)
if kk then
  redis.call('HSET', kk, 'rq', a.rq, 'id', a.id, 'sq', order)
  redis.call('PEXPIRE', kk, math.max(a.keyFor, a.left + grace))
end
if isNow then started(a.sk, h, order, a.id)
else
  redis.call('HSET', P..'s:'..a.sk, 'wo', order, 'wi', a.id, 'wd', text(now + a.left), 'wa', text(now))
  redis.call('PEXPIRE', P..'s:'..a.sk, hour)
end
return say({ kind = 'granted', sq = order, near = near })
`;

/** How a recipient stands, for who explains it. Changes nothing. */
const explain = `${judge}
local uses = {}
for i, w in ipairs(a.windows) do
  local z = P..'w:'..w.k
  for j, l in ipairs(w.l) do
    local used = redis.call('ZCOUNT', z, '('..text(now - l[2]), '+inf')
    uses[#uses + 1] = { i = i, j = j, used = used, left = math.max(0, freeAt(z, l[1], l[2]) - now) }
  end
end
local found, holds = judge()
return say({ kind = 'explained', found = found, holds = holds, uses = uses })
`;

/**
 * How full the limits are that many share: those that are named, and those of the countries to
 * which most was sent, wherever. Changes nothing that counts.
 */
const uses = `
local found = {}
local function look(key, limits)
  local z, used = P..'w:'..key, {}
  for j, l in ipairs(limits) do
    local count = redis.call('ZCOUNT', z, '('..text(now - l[2]), '+inf')
    used[j] = { count, math.max(0, freeAt(z, l[1], l[2]) - now) }
  end
  found[#found + 1] = used
end
for _, w in ipairs(a.windows) do look(w.k, w.l) end
redis.call('ZREMRANGEBYSCORE', P..'c', '-inf', text(now - day))
local seen = {}
for i, country in ipairs(redis.call('ZRANGE', P..'c', 0, -1)) do
  seen[i] = { country, redis.call('ZCARD', P..'w:l:per_country:'..country) }
end
table.sort(seen, function(one, other) return one[2] > other[2] end)
local countries = {}
for i = 1, math.min(#seen, a.most) do
  countries[i] = seen[i][1]
  look('l:per_country:'..seen[i][1], a.country)
end
return say({ kind = 'used', found = found, countries = countries })
`;

/** What waited is about to start: is it still the one to be sent? */
const begin = `
local m, order = P..'m:'..a.id, 0
local own = redis.call('HMGET', m, 'st', 'sq')
if own[1] == 'd' then return say({ kind = 'elsewhere' }) end
order = num(own[2])
local kk = a.key and P..'k:'..a.key
if kk then
  local r = redis.call('HMGET', kk, 'rq', 'id', 'sq')
  if r[1] and r[2] ~= a.id then
    local st = redis.call('HGET', P..'m:'..r[2], 'st')
    if st ~= 'n' then return say({ kind = 'elsewhere' }) end
    if order == 0 then order = num(r[3]) end
  end
end
local h = newest(a.sk)
if order == 0 then
  if isOlder(h, now - a.age) then return say({ kind = 'superseded' }) end
  order = redis.call('INCR', P..'seq')
elseif isVoid(h, order) then return say({ kind = 'superseded' }) end
redis.call('HSET', m, 'st', 's', 'dl', text(now + a.left), 'bx', a.box, 'ca', a.caller, 'sg', a.segments, 'sq', order)
redis.call('HSETNX', m, 'at', text(now - a.age))
redis.call('PEXPIRE', m, day + hour)
if not own[1] then
  redis.call('HSET', m, 'pl', a.id, 'ho', 1)
  add(a.windows, a.id, now - a.age)
end
if kk then
  redis.call('HSET', kk, 'rq', a.rq, 'id', a.id, 'sq', order)
  redis.call('PEXPIRE', kk, math.max(a.keyFor, a.left + grace))
end
started(a.sk, h, order, a.id)
return say({ kind = 'granted', sq = order })
`;

/**
 * What a box knows of one of its messages: that it is on its way, or what became of it. Told again
 * it changes nothing, so that what may have got lost can be.
 */
const tell = `
local m = P..'m:'..a.id
local own = redis.call('HMGET', m, 'st', 'pl', 'sq')
local wasOpen, isDone = isOpen(own[1]), not isOpen(a.st)
local place, order = own[2] or a.id, num(own[3])
if order == 0 then order = a.sq end
if not isDone and own[1] and not wasOpen then return say({ kind = 'told' }) end
if a.counts then
  add(a.windows, place, now - a.age)
  if isDone then redis.call('HSET', P..'m:'..place, 'ke', 1) end
elseif isDone and wasOpen then
  local holders = redis.call('HINCRBY', P..'m:'..place, 'ho', -1)
  if holders <= 0 and redis.call('HGET', P..'m:'..place, 'ke') ~= '1' then
    for _, w in ipairs(a.windows) do redis.call('ZREM', P..'w:'..w.k, place) end
  end
end
if a.sk then
  local h = newest(a.sk)
  if a.begun then
    -- What was surely not sent, or is older, makes nothing void.
    if order == 0 and a.st ~= 'n' and not isOlder(h, now - a.age) then order = redis.call('INCR', P..'seq') end
    if order > 0 and (not own[1] or own[1] == 'w') then started(a.sk, h, order, a.id) end
  elseif own[1] == 's' and h[4] and num(h[4]) == order then
    redis.call('HDEL', P..'s:'..a.sk, 'so', 'sa')
  end
  if isDone and h[2] == a.id then redis.call('HDEL', P..'s:'..a.sk, 'wo', 'wi', 'wd', 'wa') end
end
redis.call('HSET', m, 'st', a.st, 'bx', a.box, 'ca', a.caller, 'sg', a.segments, 'sq', order)
redis.call('HSETNX', m, 'at', text(now - a.age))
redis.call('HSETNX', m, 'pl', place)
if not own[2] then redis.call('HSETNX', m, 'ho', 1) end
if a.out then redis.call('HSET', m, 'out', a.out) end
if a.late then redis.call('HSET', m, 'la', text(now)) end
if not isDone then redis.call('HSET', m, 'dl', text(now + a.left)) end
local kept = math.max(a.keptFor, grace)
redis.call('PEXPIRE', m, (isDone and not wasOpen and a.st == 'n') and kept or day + hour)
if a.key and a.keyFor > 0 then
  local kk = P..'k:'..a.key
  local r = redis.call('HMGET', kk, 'rq', 'id')
  local isOurs = not r[1] or r[2] == a.id
  if r[1] and not isOurs and r[1] == a.rq then
    local o = redis.call('HMGET', P..'m:'..r[2], 'st', 'out')
    local rank = 0
    if isOpen(o[1]) then rank = 1 end
    if o[1] == 'd' then rank = string.find(o[2] or '', '"ok":true', 1, true) and 3 or 2 end
    isOurs = a.rank > rank
  end
  if isOurs then
    redis.call('HSET', kk, 'rq', a.rq, 'id', a.id, 'sq', order)
    redis.call('PEXPIRE', kk, a.st == 'n' and kept or a.keyFor)
  end
end
return say({ kind = 'told' })
`;

/** What became of the message with this key. */
const lookUp = `
local r = redis.call('HMGET', P..'k:'..a.key, 'id')
if not r[1] then return say({ kind = 'none' }) end
local o = redis.call('HMGET', P..'m:'..r[1], 'st', 'dl', 'out')
if o[1] == 'd' then return say({ kind = 'known', id = r[1], out = o[3] }) end
if o[1] == 'n' then return say({ kind = 'none' }) end
if lives(o[1], o[2]) then return say({ kind = 'elsewhere' }) end
lost(r[1])
return say({ kind = 'known', id = r[1], out = unknown })
`;

/** What is known of a message of this caller. */
const find = `
local o = redis.call('HMGET', P..'m:'..a.id, 'ca', 'st', 'dl', 'at', 'sg', 'out', 'la')
if o[1] ~= a.caller then return say({ kind = 'none' }) end
if isOpen(o[2]) and not lives(o[2], o[3]) then
  lost(a.id)
  o[2], o[6] = 'd', unknown
end
return say({ kind = 'found', st = o[2], ago = now - num(o[4]), segments = num(o[5]), out = o[6],
  lateAgo = o[7] and now - num(o[7]) or nil })
`;

/** Whether it was told before, by the one id of what is told. */
const toldOnce = `
if not redis.call('SET', P..'o:'..a.once, '1', 'NX', 'PX', day) then return say({ kind = 'told' }) end
`;

/**
 * A message stalled a modem, some time ago. As a policy does it: a block only with its second
 * stall.
 */
const stalled = `${toldOnce}
local since = now - a.age
if a.recMs > 0 then
  hold('cool_down_recipient', a.rec, nextHold('cool_down_recipient', a.rec, a.recMs, 900000, 0, since))
end
if a.blkMs > 0 then
  local longest = holdOf('cool_down_block', a.blk) and 900000 or 0
  hold('cool_down_block', a.blk, nextHold('cool_down_block', a.blk, a.blkMs / 2, longest, 0, since))
end
return say({ kind = 'told' })
`;

/** A hold that a box remembers. */
const holdTold = `
local known = holdOf(a.kind, a.hmac)
local u = now + a.left
if not known or u > known.u then hold(a.kind, a.hmac, { n = math.max(a.n, known and known.n or 0), u = u }) end
return say({ kind = 'told' })
`;

/** Lifts what a recipient has to wait for. */
const unlock = `${toldOnce}
redis.call('DEL', P..'h:lock_out:'..a.rec, P..'h:cool_down_recipient:'..a.rec, P..'h:cool_down_block:'..a.blk,
  P..'w:'..a.recWindow, P..'w:'..a.alertWindow)
return say({ kind = 'told' })
`;

/** What a SIM has sent at this box: one message more, or what an hour had at least. */
const use = `
local u, r = P..'u:'..a.sim, P..'r:'..a.sim
if a.id then
  if redis.call('HSETNX', P..'m:'..a.id, 'sc', 1) == 0 then return say({ kind = 'told' }) end
  if redis.call('PTTL', P..'m:'..a.id) < 0 then redis.call('PEXPIRE', P..'m:'..a.id, day) end
end
for _, x in ipairs(a.hours) do
  local field = a.box..':'..text(x[1])
  if a.id then redis.call('HINCRBY', u, field, x[2])
  elseif num(redis.call('HGET', u, field)) < x[2] then redis.call('HSET', u, field, x[2]) end
end
for _, x in ipairs(a.recipients) do redis.call('ZADD', r, 'GT', text(math.max(0, now - x[2])), x[1]) end
if redis.call('HLEN', u) > 1500 then
  local oldest = math.floor(now / hour) - 24 * 31
  for _, field in ipairs(redis.call('HKEYS', u)) do
    if num(string.match(field, ':(%d+)$')) < oldest then redis.call('HDEL', u, field) end
  end
end
redis.call('ZREMRANGEBYSCORE', r, '-inf', text(now - 30 * day))
redis.call('ZREMRANGEBYRANK', r, 0, -100001)
redis.call('PEXPIRE', u, 31 * day)
redis.call('PEXPIRE', r, 31 * day)
return say({ kind = 'told' })
`;

/** What a SIM has sent at other boxes. */
const usedElsewhere = `
local hours, recipients = {}, {}
local all = redis.call('HGETALL', P..'u:'..a.sim)
for i = 1, #all, 2 do
  local box, at = string.match(all[i], '^(.*):(%d+)$')
  if box ~= a.box then hours[#hours + 1] = { num(at), num(all[i + 1]) } end
end
if a.recipients then
  local seen = redis.call('ZRANGE', P..'r:'..a.sim, 0, -1, 'WITHSCORES')
  for i = 1, #seen, 2 do recipients[#recipients + 1] = { seen[i], now - num(seen[i + 1]) } end
end
return say({ kind = 'used', hours = hours, recipients = recipients })
`;

/** A box lives, and its engine can be written. */
const beat = `
local b = P..'b:'..a.box
local other = redis.call('GET', b)
redis.call('SET', b, a.run, 'PX', 5000)
return say({ kind = 'beat', twin = other ~= false and other ~= a.run })
`;

const bodies = {
  claim,
  explain,
  uses,
  begin,
  tell,
  lookUp,
  find,
  stalled,
  holdTold,
  unlock,
  use,
  usedElsewhere,
  beat,
} as const;

/** The name of a script. */
export type ScriptName = keyof typeof bodies;

/** The Lua of each script. */
export const scripts = Object.fromEntries(
  Object.entries(bodies).map(([name, body]) => [name, prelude + body]),
) as Record<ScriptName, string>;
