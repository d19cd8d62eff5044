// The scripts that the gate runs, each as a call that goes through the lane.
import type { FollowedSale } from '../../../contract/followed-sale'
import { buyersKey, freeKey, intentsKey, metaKey, reservationsKey, sessionsKey, spentKey } from '../../../contract/keys'
import { packReserveItem } from '../domain/reserve-item'
import type { LanePort, LaneResult } from '../kernel/lane'
import { addBatch, type Lane, laneRefusal, openBatch, submit } from './lane'
import { type Batch, newBatch, type ReplyListener, type Script } from './lane-batch'
import { claim, drawTicket, isReserved, lookup, reserve, stock, takeNumber } from './scripts.generated'

/** Names of asked items are as long as reservation bodies, and differ among those in flight. */
const ASKED_NAME = '%022d'
const ASKED_NAMES = 1e9

/** What is made once for a sale's shard: the names of channels and keys. */
interface Shard {
  reserve_channel: string
  lookup_channel: string
  reserve_keys: string[]
  lookup_keys: string[]
  spent_key: string
  epoch: string
  replid: string
}

export interface RedisScripts {
  port: LanePort
  /** free and unpaid units of all SKUs; lines as contract/lane-scripts.ts says, the first line included */
  stock: (this: void, sale: FollowedSale, shard: number, onReply: ReplyListener) => LaneResult
  /** forgets what was made for sales that are not followed any more */
  forget: (this: void) => void
}

/** Scripts for `ask`, by name. A new one is a line here. */
const ASKED: Record<string, Script | undefined> = {
  'draw-ticket': script('draw-ticket', drawTicket, true),
  'take-number': script('take-number', takeNumber, true),
  claim: script('claim', claim, true),
  'is-reserved': script('is-reserved', isReserved, true),
}

let asked = 0

/** Names an item that has no name of its own. */
export function askedName(): string {
  asked = (asked + 1) % ASKED_NAMES
  return string.format(ASKED_NAME, asked)
}

export function script(name: string, text: string, is_repeatable: boolean): Script {
  return { name, text, sha: sha1Hex(text), is_repeatable }
}

function sha1Hex(text: string): string {
  const [hex] = string.gsub(ngx.sha1_bin(text), '.', byteHex)
  return hex
}

function byteHex(this: void, byte: string): string {
  return string.format('%02x', string.byte(byte))
}

function newShard(sale: FollowedSale, shard: number): Shard {
  const name = sale.id + '.' + tostring(shard) + '.' + tostring(sale.epoch)
  return {
    reserve_channel: 'reserve ' + name,
    lookup_channel: 'lookup ' + name,
    reserve_keys: [
      metaKey(sale.id, shard),
      intentsKey(sale.id, shard),
      buyersKey(sale.id, shard),
      reservationsKey(sale.id, shard),
      sessionsKey(sale.id, shard),
    ],
    lookup_keys: [reservationsKey(sale.id, shard)],
    spent_key: spentKey(sale.id, shard),
    epoch: tostring(sale.epoch),
    replid: sale.redis_replid,
  }
}

/** `onStock` hears what each reservation's reply says of the stock. */
export function redisScripts(lane: Lane, onStock: ReplyListener): RedisScripts {
  const reserve_script = script('reserve', reserve, true)
  const lookup_script = script('lookup', lookup, true)
  const stock_script = script('stock', stock, true)
  let shards = new LuaTable<FollowedSale, Shard[]>()

  function shardOf(sale: FollowedSale, shard: number): Shard {
    let known = shards.get(sale)
    if (known === undefined) {
      known = []
      for (let i = 0; i < sale.shards; i++) table.insert(known, newShard(sale, i))
      shards.set(sale, known)
    }
    return known[shard] as Shard
  }

  function reserveBatch(sale: FollowedSale, shard: Shard): Batch {
    const keys: string[] = []
    for (const key of shard.reserve_keys) table.insert(keys, key)
    const batch = newBatch(reserve_script, sale, shard.replid, shard.epoch, keys)
    batch.onReply = onStock
    addBatch(lane, shard.reserve_channel, batch)
    return batch
  }

  function reserveUnits(
    sale: FollowedSale,
    shard_number: number,
    body: string,
    sku: string,
    quantity: number,
    generation: number,
    user: string,
    spends: string,
  ): LaneResult {
    const refusal = laneRefusal(lane)
    if (refusal !== undefined) return refusal
    const shard = shardOf(sale, shard_number)
    const batch = openBatch(lane, shard.reserve_channel) ?? reserveBatch(sale, shard)
    let index = batch.sku_index.get(sku)
    if (index === undefined) {
      table.insert(batch.keys, freeKey(sale.id, shard_number, sku))
      table.insert(batch.skus, sku)
      index = batch.skus.length
      batch.sku_index.set(sku, index)
    }
    const item = packReserveItem(body, index, quantity, generation, user.length, user)
    if (spends !== '') {
      const number = batch.items.length + 1
      batch.spent_key = shard.spent_key
      table.insert(batch.spends, string.char(Math.floor(number / 256), number % 256, spends.length) + spends)
    }
    return submit(lane, shard.reserve_channel, batch, body, item)
  }

  function lookupRecord(sale: FollowedSale, shard_number: number, body: string): LaneResult {
    const refusal = laneRefusal(lane)
    if (refusal !== undefined) return refusal
    const shard = shardOf(sale, shard_number)
    let batch = openBatch(lane, shard.lookup_channel)
    if (batch === undefined) {
      batch = newBatch(lookup_script, sale, shard.replid, shard.epoch, shard.lookup_keys)
      addBatch(lane, shard.lookup_channel, batch)
    }
    return submit(lane, shard.lookup_channel, batch, body, body)
  }

  function ask(name: string, channel: string, keys: string[], item: string, replid?: string): LaneResult {
    const refusal = laneRefusal(lane)
    if (refusal !== undefined) return refusal
    const wanted = ASKED[name]
    if (wanted === undefined) error('lane: there is no script ' + name, 0)
    let batch = openBatch(lane, channel)
    if (batch === undefined) {
      batch = newBatch(wanted as Script, undefined, replid ?? '', '', keys)
      addBatch(lane, channel, batch)
    }
    const id = askedName()
    return submit(lane, channel, batch, id, id + item)
  }

  /** The body is made up: the script answers for the sale, and its last line is the waiter's. */
  function readStock(sale: FollowedSale, shard_number: number, onReply: ReplyListener): LaneResult {
    const refusal = laneRefusal(lane)
    if (refusal !== undefined) return refusal
    const keys = [metaKey(sale.id, shard_number)]
    const batch = newBatch(stock_script, sale, '', '', keys)
    for (const sku of sale.skus) {
      table.insert(keys, freeKey(sale.id, shard_number, sku.sku))
      table.insert(batch.skus, sku.sku)
    }
    batch.onReply = onReply
    table.insert(lane.pending, batch)
    return submit(lane, '', batch, '', '')
  }

  return {
    port: { reserve: reserveUnits, ask, lookup: lookupRecord },
    stock: readStock,
    forget: () => {
      shards = new LuaTable()
    },
  }
}
