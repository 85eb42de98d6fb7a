/**
 * What the engine runs, each as one atom (EVALSHA). Every script is given the prefix of its keys,
 * the epoch in which its box believes, and one JSON object; it answers with one. Time is the
 * engine's alone: boxes say how long ago something was, or name hours of their own clock, and with
 * `now` what it shows.
 *
 * Keys behind the prefix: `epoch`; `seq`, the order in which messages were asked for first; `m:ID`
 * a message, which is also a place within the limits that a newer one may share; `k:HMAC` an
 * Idempotency-Key; `s:HMAC` the newest of a caller, recipient and type that waits (`w…`) and that
 * was started (`s…`); `w:…` a window, by time; `c` the countries that have one; `h:KIND:HMAC` a
 * lock-out or cool-down; `u:HMAC` the segments of a SIM by box and hour; `r:HMAC` its recipients;
 * `b:NAME` a box that lives; `o:ID` what was told and must not count again. All but `epoch` and
 * `seq` expire. A command that is new here is to be allowed in `config/boxes/users.acl`.
 */

import { begin, claim, find, lookUp, tell } from './lua-messages.js';
import { judge, prelude } from './lua-prelude.js';

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

/** Whole hours from the clock of the box to the engine's; none where it does not say its own. */
const ownHours = `
local behind = a.now and math.floor((now - a.now) / hour + 0.5) or 0
`;

/** What a SIM has sent at this box: one message more, or what an hour had at least. */
const use = `${ownHours}
local u, r = P..'u:'..a.sim, P..'r:'..a.sim
if a.id then
  if redis.call('HSETNX', P..'m:'..a.id, 'sc', 1) == 0 then return say({ kind = 'told' }) end
  if redis.call('PTTL', P..'m:'..a.id) < 0 then redis.call('PEXPIRE', P..'m:'..a.id, day) end
end
for _, x in ipairs(a.hours) do
  local field = a.box..':'..text(x[1] + behind)
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
const usedElsewhere = `${ownHours}
local hours, recipients = {}, {}
local all = redis.call('HGETALL', P..'u:'..a.sim)
for i = 1, #all, 2 do
  local box, at = string.match(all[i], '^(.*):(%d+)$')
  if box ~= a.box then hours[#hours + 1] = { num(at) - behind, num(all[i + 1]) } end
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
