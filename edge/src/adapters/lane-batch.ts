// Batches: what waits for the same script on the same shard, packed into one EVALSHA and unpacked again.
//
// Guarantee: a waiter gets the line that carries its own body, or a failure; never another's line.
import type { Semaphore } from 'ngx.semaphore'
import type { Client } from 'resty.redis'
import type { FollowedSale } from '../../../contract/followed-sale'
import { BODY_LENGTH } from '../../../contract/reservation-id'
import type { LaneFailure, LaneResult } from '../kernel/lane'
import { nowS } from './nginx-calls'

export interface Script {
  name: string
  text: string
  sha: string
  /** sent again with the same items it answers as the first time */
  is_repeatable: boolean
}

/** One request waiting for its line. */
export interface Waiter extends LaneResult {
  body: string
  semaphore: Semaphore
  /** it stopped waiting: nobody reads the line, and its semaphore is not to be used again */
  gone: boolean
}

export interface Batch {
  script: Script
  /** whose stock the reply tells of; undefined for scripts that tell nothing of stock */
  sale: FollowedSale | undefined
  /** what the Redis must be that this is sent to; '' for any */
  replid: string
  /** epoch as the ledger has it, as text */
  epoch: string
  keys: string[]
  /** SKUs in the order of their free lists among the keys; empty but for reserve and stock */
  skus: string[]
  sku_index: LuaTable<string, number>
  items: string[]
  /** what items spend, where any does; the key is '' as long as none does */
  spends: string[]
  spent_key: string
  waiters: Waiter[]
  /** seconds, nowS() */
  made_s: number
  /** times it was given to a connection */
  sent: number
  /** told the whole reply, before the waiters are woken */
  onReply: ReplyListener | undefined
}

/** `lines_from` is where the line of the batch's first SKU begins. */
export type ReplyListener = (this: void, batch: Batch, reply: string, lines_from: number) => void

let sequence = 0

export function newBatch(
  script: Script,
  sale: FollowedSale | undefined,
  replid: string,
  epoch: string,
  keys: string[],
): Batch {
  return {
    script,
    sale,
    replid,
    epoch,
    keys,
    skus: [],
    sku_index: new LuaTable(),
    items: [],
    spends: [],
    spent_key: '',
    waiters: [],
    made_s: nowS(),
    sent: 0,
    onReply: undefined,
  }
}

function keyCount(batch: Batch): number {
  return batch.spent_key === '' ? batch.keys.length : batch.keys.length + 1
}

/** The batch's arguments, after which the script answers for each item; `number` is echoed. */
function argumentsOf(batch: Batch, number: string): string[] {
  const args: string[] = []
  for (const key of batch.keys) args.push(key)
  if (batch.spent_key !== '') args.push(batch.spent_key)
  args.push(number)
  if (batch.sale === undefined) {
    for (const item of batch.items) args.push(item)
    return args
  }
  if (batch.script.name === 'reserve') args.push(batch.epoch)
  if (batch.script.name !== 'lookup') args.push(table.concat(batch.skus, ','))
  if (batch.script.name !== 'stock') args.push(table.concat(batch.items))
  if (batch.spent_key !== '') args.push(table.concat(batch.spends))
  return args
}

/** Puts the batch into the client's open pipeline; returns the number that the reply must echo. */
export function enqueue(client: Client, batch: Batch): string {
  sequence += 1
  const number = tostring(sequence)
  batch.sent += 1
  client.evalsha(batch.script.sha, keyCount(batch), ...argumentsOf(batch, number))
  return number
}

/**
 * With the script's text, for a Redis that does not have it yet. Returns the reply; or false and why Redis refused it; or
 * undefined and why no reply came: then it may have run.
 */
export function evaluate(
  client: Client,
  batch: Batch,
  number: string,
): LuaMultiReturn<[string, undefined] | [false | undefined, string]> {
  const [reply, failure] = client.eval(batch.script.text, keyCount(batch), ...argumentsOf(batch, number))
  if (typeof reply === 'string') return $multi(reply, undefined)
  return $multi(reply === false ? false : undefined, tostring(failure))
}

export function wake(waiter: Waiter): void {
  if (!waiter.gone) waiter.semaphore.post(1)
}

export function failBatch(batch: Batch, failure: LaneFailure): void {
  for (const waiter of batch.waiters) {
    waiter.failure = failure
    wake(waiter)
  }
}

/**
 * Hands every waiter its line, also that of a second sending: whatever the first did is known to the shard under the item's
 * body, unless the shard is not open under the epoch any more. Returns undefined, or what is wrong with the reply: then the
 * connection is not to be trusted.
 */
export function deliver(batch: Batch, number: string, reply: string): string | undefined {
  const [echo] = string.match(reply, '^(%d+)')
  if (echo !== number) return 'reply to batch ' + tostring(echo) + ' where ' + number + ' was asked'
  const [first_end] = string.find(reply, '\n', 1, true)
  const [rebuilding] = string.find(string.sub(reply, 1, first_end ?? -1), ' rebuilding ', 1, true)
  if (rebuilding !== undefined) {
    failBatch(batch, batch.sent > 1 ? 'unknown' : 'rebuilding')
    return undefined
  }
  let from = (first_end ?? reply.length) + 1
  if (batch.onReply !== undefined) batch.onReply(batch, reply, from)
  for (let skip = 0; skip < batch.skus.length; skip++) {
    const [line_end] = string.find(reply, '\n', from, true)
    from = (line_end ?? reply.length) + 1
  }
  let answered = 0
  for (const waiter of batch.waiters) {
    const [line_end] = string.find(reply, '\n', from, true)
    const last = line_end === undefined ? reply.length : line_end - 1
    if (string.sub(reply, from, from + BODY_LENGTH - 1) !== waiter.body) break
    waiter.line = string.sub(reply, from + BODY_LENGTH + 1, last)
    wake(waiter)
    from = last + 2
    answered += 1
  }
  if (answered === batch.waiters.length) return undefined
  for (let i = answered; i < batch.waiters.length; i++) {
    const waiter = batch.waiters[i] as Waiter
    waiter.failure = 'unknown'
    wake(waiter)
  }
  return 'line ' + tostring(answered + 1) + ' of ' + tostring(batch.waiters.length) + ' is for another body'
}
