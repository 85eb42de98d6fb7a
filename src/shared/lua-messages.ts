/** The scripts for one message: whose it is, and what became of it. */

import { judge } from './lua-prelude.js';

/** Who sends this message? All of it that boxes must agree on before the first of its octets. */
export const claim = `${judge}
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

/** What waited is about to start: is it still the one to be sent? */
export const begin = `
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
export const tell = `
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
export const lookUp = `
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
export const find = `
local o = redis.call('HMGET', P..'m:'..a.id, 'ca', 'st', 'dl', 'at', 'sg', 'out', 'la')
if o[1] ~= a.caller then return say({ kind = 'none' }) end
if isOpen(o[2]) and not lives(o[2], o[3]) then
  lost(a.id)
  o[2], o[6] = 'd', unknown
end
return say({ kind = 'found', st = o[2], ago = now - num(o[4]), segments = num(o[5]), out = o[6],
  lateAgo = o[7] and now - num(o[7]) or nil })
`;
