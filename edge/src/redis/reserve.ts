// reserve: takes units for a batch of shoppers, or tells each of them why not.
//
// Guarantees: all reads and refusals come before the first write, the stream entry is the first write, and
// nothing after it can fail, because Redis does not roll back. A bad item is refused alone. A body that is
// known gets its record again and takes nothing.
//
// KEYS  1 meta  2 intents  3 buyers  4 reservations  5 sessions  6… free list of each SKU of the batch, then spent if ARGV 5 is there
// ARGV  1 batch, echoed  2 epoch that the ledger expects  3 SKUs joined by commas  4 packed items
//       5 what is spent with them, where anything is
// Returns text, see contract/lane-scripts.ts.
// Order of checks: epoch and state, replay, session generation, pass and proof unspent, window, backlog, buyer limit, units.

const enum Key {
  meta,
  intents,
  buyers,
  reservations,
  sessions,
  first_free_list,
}

const enum Arg {
  batch,
  epoch,
  skus,
  items,
  spends,
}

const enum Limit {
  quantity_max = 100,
  meta_fields = 8,
}

interface Sku {
  name: string
  free_list: string
  user_max: number
  price_version: number
  unlimited: boolean
  free: number
  unpaid: number
  /** units to be taken by this batch */
  taken: number
}

// Lua 5.1 prints a number through printf, half a microsecond each: the few that recur are printed once a batch.
const texts = new LuaTable<number, string>()

function textOf(value: number): string {
  let text = texts.get(value)
  if (text === undefined) {
    text = tostring(value)
    texts.set(value, text)
  }
  return text
}

interface Buyer {
  units: number
  expired: number
  bodies: string
}

function buyerOf(known: LuaTable<string, Buyer>, field: string, stored: string | false | undefined): Buyer {
  const earlier = known.get(field)
  if (earlier) return earlier
  const buyer: Buyer = { units: 0, expired: 0, bodies: '' }
  if (stored) {
    const [units, expired, bodies] = string.match(stored, '^(%d+) (%d+) ?(.*)$')
    buyer.units = tonumber(units) ?? 0
    buyer.expired = tonumber(expired) ?? 0
    buyer.bodies = bodies ?? ''
  }
  known.set(field, buyer)
  return buyer
}

/** Which items spend what, and who spent it before. */
interface Spending {
  /** ids joined by commas, by item */
  of_item: LuaTable<number, string>
  /** id → reservation body */
  owners: LuaTable<string, string>
}

function readSpending(spent_key: string, packed: string): Spending {
  const spending: Spending = { of_item: new LuaTable(), owners: new LuaTable() }
  const ids: string[] = []
  let at = 1
  while (at <= packed.length) {
    const [index, text, next_at] = struct.unpack('>HBc0', packed, at)
    spending.of_item.set(index as number, text as string)
    for (const [id] of string.gmatch(text as string, '[^,]+')) table.insert(ids, id as string)
    at = next_at as number
  }
  const owners = redis.call('HMGET', spent_key, ...ids) as (string | false)[]
  for (let i = 0; i < ids.length; i++) {
    const owner = owners[i]
    if (owner) spending.owners.set(ids[i] as string, owner)
  }
  return spending
}

/** The refusal for a pass or a proof that was spent for another reservation. */
function spentLine(spending: Spending, item: number, body: string): string | undefined {
  for (const [id] of string.gmatch(spending.of_item.get(item) ?? '', '[^,]+')) {
    const owner = spending.owners.get(id as string)
    if (owner !== undefined && owner !== body) {
      return string.sub(id as string, 1, 1) === 'p' ? 'pass_required' : 'proof_required'
    }
  }
  return undefined
}

function spend(spending: Spending, item: number, body: string, spent_fields: string[]): void {
  for (const [id] of string.gmatch(spending.of_item.get(item) ?? '', '[^,]+')) {
    spending.owners.set(id as string, body)
    table.insert(spent_fields, id as string)
    table.insert(spent_fields, body)
  }
}

function credit(buyer: Buyer, quantity: number, body: string): void {
  buyer.units += quantity
  buyer.bodies = buyer.bodies === '' ? body : buyer.bodies + ',' + body
}

// long because each call of a function costs in Redis' Lua, and because its order is its proof: reads, decisions, writes.
export function reserve(keys: string[], args: string[]): string {
  const batch = args[Arg.batch] as string
  const items = args[Arg.items] as string
  const meta_key = keys[Key.meta] as string
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const now_text = tostring(now_ms)

  const fields = [
    'epoch',
    'state',
    'opens_ms',
    'closes_ms',
    'stock_version',
    'sale_user_max',
    'hold_attempts_max',
    'backlog_max',
  ]
  const skus: Sku[] = []
  for (const [name] of string.gmatch(args[Arg.skus] as string, '[^,]+')) {
    table.insert(fields, 'sku:' + name)
    table.insert(fields, 'unpaid:' + name)
    table.insert(skus, {
      name,
      free_list: keys[Key.first_free_list + skus.length] as string,
      user_max: 0,
      price_version: 0,
      unlimited: false,
      free: 0,
      unpaid: 0,
      taken: 0,
    })
  }
  const meta = redis.call('HMGET', meta_key, ...fields) as (string | false)[]
  const state = meta[1]
  if (meta[0] !== args[Arg.epoch] || !state || state === 'closed') return batch + ' ' + now_text + ' rebuilding 0'
  const opens_ms = tonumber(meta[2]) as number
  const closes_ms = tonumber(meta[3]) as number
  const sale_user_max = tonumber(meta[5]) as number
  const hold_attempts_max = tonumber(meta[6]) as number
  const backlog_max = tonumber(meta[7] || 0) as number
  const is_full = backlog_max > 0 && (redis.call('XLEN', keys[Key.intents] as string) as number) >= backlog_max
  for (let i = 0; i < skus.length; i++) {
    const sku = skus[i] as Sku
    const [user_max, price_version, total] = string.match(
      (meta[Limit.meta_fields + 2 * i] || '') as string,
      '^(%d+) (%d+) (-?%d+)$',
    )
    sku.user_max = tonumber(user_max) ?? 0
    sku.price_version = tonumber(price_version) ?? 0
    sku.unlimited = total === '-1'
    sku.unpaid = tonumber(meta[Limit.meta_fields + 2 * i + 1] || 0) as number
    sku.free = sku.unlimited ? -1 : (redis.call('LLEN', sku.free_list) as number)
  }

  // what the items say
  const bodies: string[] = []
  const sku_of: Sku[] = []
  const quantities: number[] = []
  const generations: number[] = []
  const users: string[] = []
  const buyer_fields: string[] = []
  let count = 0
  let at = 1
  while (at <= items.length) {
    const [body, index, quantity, generation, user, next_at] = struct.unpack('>c22BHI4Hc0', items, at)
    const sku = skus[(index as number) - 1] as Sku
    bodies[count] = body as string
    sku_of[count] = sku
    quantities[count] = quantity as number
    generations[count] = generation as number
    users[count] = user as string
    buyer_fields[count] = (sku ? sku.name : '') + ':' + (user as string)
    count += 1
    at = next_at as number
  }
  if (count === 0) return batch + ' ' + now_text + ' ' + state + ' ' + (meta[4] || '0')
  const records = redis.call('HMGET', keys[Key.reservations] as string, ...bodies) as (string | false)[]
  const newest = redis.call('HMGET', keys[Key.sessions] as string, ...users) as (string | false)[]
  const stored_buyers = redis.call('HMGET', keys[Key.buyers] as string, ...buyer_fields) as (string | false)[]
  const packed_spends = args[Arg.spends]
  const spent_key = keys[keys.length - 1] as string
  const spending = packed_spends ? readSpending(spent_key, packed_spends) : undefined
  const spent_fields: string[] = []
  let stored_totals: (string | false)[] | undefined
  if (sale_user_max > 0) {
    const total_fields: string[] = []
    for (let i = 0; i < count; i++) total_fields[i] = '*:' + (users[i] as string)
    stored_totals = redis.call('HMGET', keys[Key.buyers] as string, ...total_fields) as (string | false)[]
  }

  // what each gets: only decisions here
  const buyers = new LuaTable<string, Buyer>()
  const changed_buyers = new LuaTable<string, Buyer>()
  const held = new LuaTable<string, number>()
  const lines: string[] = []
  let accepted = 0
  for (let i = 0; i < count; i++) {
    const body = bodies[i] as string
    const sku = sku_of[i] as Sku
    const quantity = quantities[i] as number
    const record = records[i]
    const twin = held.get(body)
    const spent_line = spending ? spentLine(spending, i + 1, body) : undefined
    let line: string | undefined
    if (record) {
      const [known_sku, known_quantity] = string.match(record, '^%d+|%a+|([^|]*)|(%d+)|')
      const same = sku && known_sku === sku.name && tonumber(known_quantity) === quantity
      line = same ? 'replay ' + record : 'key_reused'
    } else if (twin !== undefined) {
      // the same body twice in one batch: answered below, when the first has its units
      line = sku === sku_of[twin] && quantity === quantities[twin] ? 'twin' : 'key_reused'
    } else if (!sku || quantity < 1 || quantity > Limit.quantity_max) {
      line = 'bad_item'
    } else if (newest[i] && (tonumber(newest[i]) as number) > (generations[i] as number)) {
      line = 'session_replaced'
    } else if (spent_line) {
      line = spent_line
    } else if (now_ms < opens_ms) {
      line = 'not_open'
    } else if (now_ms >= closes_ms || state === 'ended') {
      line = 'ended'
    } else if (state !== 'open') {
      line = 'paused'
    } else if (is_full) {
      line = 'busy'
    } else {
      const field = buyer_fields[i] as string
      const buyer = buyerOf(buyers, field, stored_buyers[i])
      const total_field = stored_totals ? '*:' + (users[i] as string) : ''
      const total = stored_totals ? buyerOf(buyers, total_field, stored_totals[i]) : undefined
      if (buyer.units + quantity > sku.user_max || (hold_attempts_max > 0 && buyer.expired >= hold_attempts_max)) {
        line = 'limit_reached ' + buyer.bodies
      } else if (total && total.units + quantity > sale_user_max) {
        line = 'limit_reached ' + total.bodies
      } else if (!sku.unlimited && sku.free - sku.taken < quantity) {
        if (sku.free > sku.taken) line = 'not_enough_left'
        else line = sku.unpaid + sku.taken > 0 ? 'all_held' : 'sold_out'
      } else {
        sku.taken += quantity
        credit(buyer, quantity, body)
        changed_buyers.set(field, buyer)
        if (total) {
          credit(total, quantity, body)
          changed_buyers.set(total_field, total)
        }
        if (spending) spend(spending, i + 1, body, spent_fields)
        held.set(body, i)
        accepted += 1
        line = 'held'
      }
    }
    lines[i] = line
  }

  let stock_version = tonumber(meta[4] || 0) as number
  if (accepted > 0) {
    // the last reads: which units those are
    const next_unit = new LuaTable<Sku, number>()
    const units_of = new LuaTable<Sku, string[]>()
    for (const sku of skus) {
      if (sku.taken > 0 && !sku.unlimited) {
        units_of.set(sku, redis.call('LRANGE', sku.free_list, 0, sku.taken - 1) as string[])
        next_unit.set(sku, 0)
      }
    }
    const record_fields: string[] = []
    const intents: string[] = []
    let written = 0
    for (let i = 0; i < count; i++) {
      if (lines[i] === 'held') {
        const sku = sku_of[i] as Sku
        const quantity = quantities[i] as number
        const user = users[i] as string
        const body = bodies[i] as string
        const spends = spending ? (spending.of_item.get(i + 1) ?? '') : ''
        let granted = ''
        let numbers = ''
        if (!sku.unlimited) {
          const from = next_unit.get(sku) as number
          const units = units_of.get(sku) as string[]
          next_unit.set(sku, from + quantity)
          granted = table.concat(units, ',', from + 1, from + quantity)
          ;[numbers] = string.gsub(granted, ':%d+', '')
        }
        const record = '0|held|' + sku.name + '|' + textOf(quantity) + '|' + numbers + '|' + now_text + '||'
        record_fields[2 * written] = body
        record_fields[2 * written + 1] = record
        intents[written] = struct.pack(
          '>c22Bc0HI4BHc0Hc0Bc0',
          body,
          sku.name.length,
          sku.name,
          quantity,
          sku.price_version,
          0,
          granted.length,
          granted,
          user.length,
          user,
          spends.length,
          spends,
        )
        written += 1
        lines[i] = 'held ' + numbers + ' ' + now_text
      }
    }
    for (let i = 0; i < count; i++) {
      if (lines[i] === 'twin') {
        const first = held.get(bodies[i] as string) as number
        const numbers = string.match(lines[first] as string, '^held (%S*)')[0] as string
        const sku = sku_of[i] as Sku
        lines[i] =
          'replay 0|held|' + sku.name + '|' + textOf(quantities[i] as number) + '|' + numbers + '|' + now_text + '||'
      }
    }
    const buyer_values: string[] = []
    let values = 0
    for (const [field, buyer] of changed_buyers) {
      buyer_values[values] = field
      buyer_values[values + 1] = textOf(buyer.units) + ' ' + textOf(buyer.expired) + ' ' + buyer.bodies
      values += 2
    }

    // writes: the queue entry first
    redis.call(
      'XADD',
      keys[Key.intents] as string,
      '*',
      'e',
      args[Arg.epoch] as string,
      't',
      now_text,
      'n',
      accepted,
      'i',
      table.concat(intents),
    )
    for (const sku of skus) {
      if (sku.taken > 0) {
        if (!sku.unlimited) {
          redis.call('LTRIM', sku.free_list, sku.taken, -1)
          sku.free -= sku.taken
        }
        sku.unpaid = redis.call('HINCRBY', meta_key, 'unpaid:' + sku.name, sku.taken) as number
      }
    }
    redis.call('HSET', keys[Key.reservations] as string, ...record_fields)
    redis.call('HSET', keys[Key.buyers] as string, ...buyer_values)
    if (spent_fields.length > 0) redis.call('HSET', spent_key, ...spent_fields)
    stock_version = redis.call('HINCRBY', meta_key, 'stock_version', 1) as number
  }

  const reply = [batch + ' ' + now_text + ' ' + state + ' ' + stock_version]
  for (const sku of skus) table.insert(reply, sku.free + ' ' + sku.unpaid)
  const head = reply.length
  for (let i = 0; i < count; i++) reply[head + i] = (bodies[i] as string) + ' ' + (lines[i] as string)
  return table.concat(reply, '\n')
}
