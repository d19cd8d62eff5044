// claim: a batch of people in the waiting room ask whether it is their turn; those whose it is get a pass.
//
// Guarantees: those of edge/src/domain/admission.ts, whose rule this is, line for line. The check of the budget and
// what it is charged are one step, so that any number of gates admits exactly. Asking again gives the same pass while it is
// good. Nothing is written for those who wait behind the front.
//
// KEYS  1 meta  2 admission  3 called  4 called-until  5 admitted  6 checkout
// ARGV  1 batch, echoed  2… items, each a name of 22 characters and what is asked
// Returns text, see contract/lane-scripts.ts.
// Order: state, time passes (budget, ends of passes and calls, the front), then item by item. With a wrong epoch nothing changes.

const enum Key {
  meta,
  admission,
  called,
  called_until,
  admitted,
  checkout,
}

// the constants of edge/src/domain/waiting.ts; the model check would find another value
const enum Limit {
  call_ms = 9000,
  seen_ms = 6500,
  burst_s = 3,
  window_min = 32,
  window_max = 16384,
  step_max = 2000,
  /** values in one command: Lua's stack bounds them */
  values = 1000,
}

interface Room {
  rate: number
  rate_now: number
  checkout_max: number
  pass_ms: number
  issued: number
  front: number
  credit: number
  tokens: number
  called: number
  in_checkout: number
  now_ms: number
  admits_from_ms: number
}

/** Adds the numbers from `from` to `to` to a sorted set, each under `score` or under itself. */
function addNumbers(key: string, from: number, to: number, score: number | undefined): void {
  let values: number[] = []
  for (let number = from; number <= to; number++) {
    table.insert(values, score ?? number)
    table.insert(values, number)
    if (values.length >= Limit.values || number === to) {
      redis.call('ZADD', key, ...values)
      values = []
    }
  }
}

function endCalls(keys: string[], now_ms: number): void {
  const over = redis.call('ZRANGEBYSCORE', keys[Key.called_until] as string, '-inf', now_ms) as string[]
  let members: string[] = []
  for (let i = 0; i < over.length; i++) {
    table.insert(members, over[i] as string)
    if (members.length >= Limit.values || i === over.length - 1) {
      redis.call('ZREM', keys[Key.called] as string, ...members)
      members = []
    }
  }
  if (over.length > 0) redis.call('ZREMRANGEBYSCORE', keys[Key.called_until] as string, '-inf', now_ms)
}

function advance(keys: string[], room: Room, passed_ms: number): void {
  const tokens_max = room.rate_now === 0 ? 0 : math.max(1000, 1000 * Limit.burst_s * room.rate_now)
  const ahead = math.min(12 * room.rate, room.checkout_max) + math.min(Limit.burst_s * room.rate, room.checkout_max)
  const lookahead = math.max(Limit.window_min, math.min(Limit.window_max, ahead))
  room.tokens = math.min(tokens_max, room.tokens + room.rate_now * passed_ms)
  room.credit = math.min(1000 * lookahead, room.credit + math.ceil(lookahead / 2) * passed_ms)
  redis.call('ZREMRANGEBYSCORE', keys[Key.checkout] as string, '-inf', room.now_ms)
  room.in_checkout = redis.call('ZCARD', keys[Key.checkout] as string) as number
  endCalls(keys, room.now_ms)
  room.called = redis.call('ZCARD', keys[Key.called] as string) as number
  const wanted = math.min(lookahead - room.called, room.issued - room.front)
  const step = math.max(0, math.min(wanted, Limit.step_max, math.floor(room.credit / 1000)))
  if (step > 0) {
    addNumbers(keys[Key.called] as string, room.front + 1, room.front + step, undefined)
    addNumbers(keys[Key.called_until] as string, room.front + 1, room.front + step, room.now_ms + Limit.call_ms)
    room.front += step
    room.called += step
    room.credit -= 1000 * step
  }
}

function freePlaces(room: Room, is_admitting: boolean): number {
  if (!is_admitting || room.now_ms < room.admits_from_ms) return 0
  return math.max(0, math.min(math.floor(room.tokens / 1000), room.checkout_max - room.in_checkout))
}

/** The number counts for some time more; somebody who comes back counts again. */
function countFor(keys: string[], room: Room, number: number): void {
  const until_ms = room.now_ms + Limit.seen_ms
  const until = redis.call('ZSCORE', keys[Key.called_until] as string, number) as string | false
  if (until) {
    if ((tonumber(until) as number) < until_ms) redis.call('ZADD', keys[Key.called_until] as string, until_ms, number)
    return
  }
  if (room.called >= Limit.window_max) return
  redis.call('ZADD', keys[Key.called] as string, number, number)
  redis.call('ZADD', keys[Key.called_until] as string, until_ms, number)
  room.called += 1
}

function ask(keys: string[], room: Room, free: number, number: number, user: string, pass_id: string): string {
  const known = redis.call('HGET', keys[Key.admitted] as string, user) as string | false
  if (known) {
    const [known_pass, expires_ms, turn_of] = string.match(known, '^(%S+) (%d+) (%d+)$')
    // an unpaid reservation keeps the place longer than the pass is good for
    const has_pass = (tonumber(expires_ms) as number) > room.now_ms
    if (has_pass && (redis.call('ZSCORE', keys[Key.checkout] as string, user) as string | false)) {
      return 'admitted ' + known_pass + ' ' + expires_ms
    }
    if (number <= (tonumber(turn_of) as number)) return 'expired'
  }
  if (number > room.front) return 'waiting ' + tostring(room.called + number - room.front - 1)
  const rank = redis.call('ZCOUNT', keys[Key.called] as string, '-inf', '(' + tostring(number)) as number
  if (rank >= free) {
    countFor(keys, room, number)
    return 'waiting ' + tostring(rank)
  }
  const expires_ms = tostring(room.now_ms + room.pass_ms)
  room.called -= redis.call('ZREM', keys[Key.called] as string, number) as number
  redis.call('ZREM', keys[Key.called_until] as string, number)
  redis.call('HSET', keys[Key.admitted] as string, user, pass_id + ' ' + expires_ms + ' ' + tostring(room.issued))
  redis.call('ZADD', keys[Key.checkout] as string, expires_ms, user)
  room.tokens -= 1000
  room.in_checkout += 1
  return 'admitted ' + pass_id + ' ' + expires_ms
}

function numberOf(text: string | false | undefined): number {
  return tonumber(text || 0) as number
}

/** undefined: this Redis has no waiting room of the sale. */
function roomOf(keys: string[], opens_ms: number, clock_ms: number): LuaMultiReturn<[Room | undefined, number]> {
  const stored = redis.call(
    'HMGET',
    keys[Key.admission] as string,
    'rate_per_s',
    'rate_now_per_s',
    'checkout_max',
    'pass_ms',
    'issued',
    'front',
    'credit',
    'tokens',
    'at_ms',
    'admits_from_ms',
  ) as (string | false)[]
  if (!stored[0]) return $multi(undefined, 0)
  // a clock that was set back stands still until it is there again
  const at_ms = math.max(numberOf(stored[8]), opens_ms)
  const now_ms = math.max(clock_ms, at_ms)
  const room: Room = {
    rate: numberOf(stored[0]),
    rate_now: numberOf(stored[1]),
    checkout_max: numberOf(stored[2]),
    pass_ms: numberOf(stored[3]),
    issued: numberOf(stored[4]),
    front: numberOf(stored[5]),
    credit: numberOf(stored[6]),
    tokens: numberOf(stored[7]),
    called: 0,
    in_checkout: 0,
    now_ms,
    admits_from_ms: numberOf(stored[9]),
  }
  return $multi(room, now_ms - at_ms)
}

function keep(keys: string[], room: Room): void {
  const key = keys[Key.admission] as string
  redis.call('HSET', key, 'front', room.front, 'credit', room.credit, 'tokens', room.tokens, 'at_ms', room.now_ms)
}

export function claim(keys: string[], args: string[]): string {
  const time = redis.call('TIME') as [string, string]
  const clock_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const meta = redis.call('HMGET', keys[Key.meta] as string, 'epoch', 'state', 'opens_ms', 'closes_ms') as (
    | string
    | false
  )[]
  const epoch = tonumber(meta[0] || -1) as number
  const state = meta[1]
  const opens_ms = numberOf(meta[2])
  const [room, passed_ms] = roomOf(keys, opens_ms, clock_ms)
  const lines = [args[0] as string]
  let has_advanced = false
  for (let i = 1; i < args.length; i++) {
    const [name, expected, admitting, pass_id, number, user] = struct.unpack('>c22I4Bc22I4Hc0', args[i] as string)
    let line = 'rebuilding'
    if (room && state && state !== 'closed' && expected === epoch) {
      if (clock_ms < opens_ms) line = 'not_open'
      else {
        if (!has_advanced) advance(keys, room, passed_ms)
        has_advanced = true
        const is_admitting = admitting === 1 && state === 'open' && room.now_ms < numberOf(meta[3])
        const free = freePlaces(room, is_admitting)
        line = ask(keys, room, free, number as number, user as string, pass_id as string)
        if (string.sub(line, 1, 7) === 'waiting') {
          const credit = math.floor(room.credit / 1000)
          const { now_ms, front, called, in_checkout, issued } = room
          line = table.concat([line, now_ms, front, credit, free, called, in_checkout, issued], ' ')
        }
      }
    }
    lines[i] = (name as string) + ' ' + line
  }
  if (room && has_advanced) keep(keys, room)
  return table.concat(lines, '\n')
}
