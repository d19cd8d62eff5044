// Writes a draw's keys from the ledger: all of them in a rebuild, the ranks alone after a draw. Writing them twice, or by two at
// once, leaves the same bytes.
import type { Redis } from 'ioredis'
import type { BeaconSettings, GateSettings } from '../../../contract/gate-settings'
import { admissionKey, entrantsKey, entriesKey, ranksKey } from '../../../contract/keys'
import type { DrawList } from '../ledger/draws'
import type { Ledger, Sale } from '../ledger/port'
import type { ClosedShard } from '../redis/closed-shard'
import { ranksInThread } from './in-thread'
import { packEntrants } from './packed'

/** Bytes in one command: bounds how long Redis and its fsync are held up. */
const BYTES_AT_ONCE = 1 << 20

export function beaconOf(sale: Sale): BeaconSettings | undefined {
  return (sale.gate as GateSettings).waiting_room?.beacon
}

export function hasDraw(sale: Sale): boolean {
  return (sale.gate as GateSettings).waiting_room?.draw === true
}

async function whole(ledger: Ledger, sale: string, list: DrawList): Promise<string[]> {
  const all: string[] = []
  for await (const part of ledger.draws.list(sale, list)) for (const one of part) all.push(one)
  return all
}

type Put = (key: string, at: number, bytes: Buffer) => Promise<unknown>

async function write(put: Put, key: string, pieces: readonly Buffer[]): Promise<void> {
  let base = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += BYTES_AT_ONCE) {
      await put(key, base + at, piece.subarray(at, at + BYTES_AT_ONCE))
    }
    base += piece.length
  }
}

/** Answers how many ranks there are. */
export async function loadRanks(put: Put, ledger: Ledger, sale: string): Promise<number> {
  const order = await whole(ledger, sale, 'order')
  if (order.length > 0) await write(put, ranksKey(sale), [await ranksInThread(order)])
  return order.length
}

/** In a rebuild, `first` being shard 0, after the admission hash is written. Entries not journaled yet stay in their stream. */
export async function loadDraw(redis: Redis, first: ClosedShard, ledger: Ledger): Promise<void> {
  const { sale } = first
  const put: Put = (key, at, bytes) => first.run('SETRANGE', [key], at, bytes)
  await first.run('UNLINK', [entrantsKey(sale), ranksKey(sale)])
  const row = await ledger.draws.find(sale)
  const key = admissionKey(sale)
  if (row !== undefined && row.closed_ms > 0) {
    await first.run('UNLINK', [entriesKey(sale)])
    const count = await loadRanks(put, ledger, sale)
    const issued = Math.max(count, Number(await redis.hget(key, 'issued')))
    await first.run('HSET', [key], 'draw', 'done', 'entrants', count, 'issued', issued)
    return
  }
  const entrants = new Set(await whole(ledger, sale, 'entries'))
  await write(put, entrantsKey(sale), packEntrants(entrants))
  // a list that waits for its beacon is closed, whatever became of the opening time
  const draw = row !== undefined && row.listed_ms > 0 ? 'closed' : 'open'
  await first.run('HSET', [key], 'draw', draw, 'entrants', entrants.size)
}
