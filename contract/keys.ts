// Names of everything kept in Redis. Each name starts with the format version and carries the hash
// tag {sale.shard}, so that what one script touches is always one slot of a Redis Cluster.

/** Sale and SKU ids: these bytes and no others, 1 to 64 of them. */
export const ID_LENGTH_MAX = 64

function shardKey(sale: string, shard: number, name: string): string {
  return 'rg1:{' + sale + '.' + shard + '}:' + name
}

/** hash: epoch, state, opens_ms, closes_ms, stock_version, sale_user_max, hold_attempts_max, backlog_max, sku:<sku>, unpaid:<sku> */
export function metaKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'meta')
}

/** stream: one entry a batch of accepted reservations */
export function intentsKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'intents')
}

/** hash: "<sku>:<user>" → "<units> <expired holds> <reservation bodies, comma-separated>" */
export function buyersKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'buyers')
}

/** hash: reservation body → record (see contract/record.ts) */
export function reservationsKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'reservations')
}

/** hash: user → generation of the newest session; absent means no session was ever replaced */
export function sessionsKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'sessions')
}

/** hash: id of a pass or proof → body of the reservation that spent it */
export function spentKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'spent')
}

/** set: ids of all returns that were applied in this epoch */
export function returnedKey(sale: string, shard: number): string {
  return shardKey(sale, shard, 'returned')
}

/** list: free units, each "<unit>:<generation>" */
export function freeKey(sale: string, shard: number, sku: string): string {
  return shardKey(sale, shard, 'free:' + sku)
}

// The waiting room is sale-wide and lives in shard 0.

/**
 * hash: terms rate_per_s, rate_now_per_s, checkout_max, pass_ms; issued (highest ticket number given out), issued_max (how far the
 * ledger lets numbers go), front, credit, tokens, at_ms (edge/src/domain/admission.ts); where there is a draw: draw ('open', 'closed' or 'done') and entrants
 */
export function admissionKey(sale: string): string {
  return shardKey(sale, 0, 'admission')
}

/** sorted set: numbers called up and counting, each its own score */
export function calledKey(sale: string): string {
  return shardKey(sale, 0, 'called')
}

/** sorted set: the same numbers by the time until which each counts */
export function calledUntilKey(sale: string): string {
  return shardKey(sale, 0, 'called-until')
}

/** hash: user → "<pass id> <expires_ms> <highest number given out by then>" */
export function admittedKey(sale: string): string {
  return shardKey(sale, 0, 'admitted')
}

/** sorted set: users in checkout by the end of their pass */
export function checkoutKey(sale: string): string {
  return shardKey(sale, 0, 'checkout')
}

// The draw for those who come before the opening.

/** string: everybody who has entered, 16 bytes each, as a table that is asked by key (edge/src/redis/draw-ticket.ts) */
export function entrantsKey(sale: string): string {
  return shardKey(sale, 0, 'entrants')
}

/** stream: entries the ledger does not have yet; field e: 16 bytes for each */
export function entriesKey(sale: string): string {
  return shardKey(sale, 0, 'entries')
}

/** string: after the draw, 16 bytes of each entrant and 4 of the rank from 1, sorted by entrant */
export function ranksKey(sale: string): string {
  return shardKey(sale, 0, 'ranks')
}

/** Limits that gates share are spread over so many slots of a Redis Cluster. */
export const RATE_SLOTS = 4

/** string: when this Redis was first asked for a token, as edge/src/redis/rate.ts counts time */
export function ratesBornKey(slot: number): string {
  return 'rg1:{rates.' + slot + '}:born'
}

/** string: when all that was given out has flowed in again; `name` of limit and subject as a hash */
export function rateKey(slot: number, name: string): string {
  return 'rg1:{rates.' + slot + '}:' + name
}

/** hash on the Redis of volatile data: gate → when it said so and what it counts of its items (edge/src/redis/hot-items.ts) */
export function hotItemsKey(): string {
  return 'rg1:{hot}:gates'
}

/** Consumer group of the settlers on every intents stream. */
export const SETTLER_GROUP = 'settlers'
