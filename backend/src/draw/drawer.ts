// Carries a sale's draw through: entries into the ledger as they come, the draw at the opening, its ranks into Redis.
//
// Guarantees: made once, from the secret committed to and the list as it was closed; killed anywhere, or done by two backends at
// once, it comes out the same. Order: Redis lets nobody enter any more → what has entered is in the ledger → where a beacon is
// announced: the list is closed and its root published, and the draw waits for the value → the draw is made and
// kept in one transaction → durable → ranks are loaded → numbers are given behind them.
//
// A beacon that does not come within the bound is gone without, and the transcript says so: nobody's sale stands still for ever,
// and a shop that withholds a value it does not like has a draw that fails its check.
//
// What Redis loses before its entries are journaled (a second's worth) enters again with its next poll, until the opening.
import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { admissionKey, entrantsKey, entriesKey, metaKey } from '../../../contract/keys'
import type { DrawRow } from '../ledger/draws'
import type { Ledger, Sale } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { Scripts } from '../redis/scripts'
import type { SalesFollower } from '../sales/follower'
import type { DrawTranscript } from './draw'
import { drawInThread } from './in-thread'
import { beaconOf, hasDraw, loadRanks } from './load-draw'
import { unpackEntries } from './packed'

const EVERY_MS = 1000
const WAIT_MIN_MS = 5
const ENTRIES_AT_ONCE = 200
const SECRET_BYTES = 32
/** where the setting was taken away after the source was committed to */
const BEACON_WAIT_S = 3600

export type DrawStep = 'drain' | 'list' | 'make' | 'keep' | 'load' | 'finish'

interface DrawerParts {
  ledger: Ledger
  redis: Redis
  scripts: Scripts
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  /** for tests: called before each step of a draw, may throw as a kill would */
  beforeStep?: (step: DrawStep) => Promise<void> | void
}

/** The sale's draw, its secret drawn up and durable. The source of the beacon is committed to with it: later changes do not count. */
export async function preparedDraw(ledger: Ledger, sale: Sale): Promise<DrawRow> {
  const known = await ledger.draws.find(sale.id)
  if (known !== undefined) return known
  await ledger.draws.prepare(sale.id, randomBytes(SECRET_BYTES).toString('hex'), beaconOf(sale)?.source)
  // a commitment that was shown must never be another
  await ledger.durable()
  return (await ledger.draws.find(sale.id)) as DrawRow
}

/** Until when the draw waits for its beacon; 0: the list is not closed yet, or it waits for none. */
export function beaconUntil(sale: Sale, row: DrawRow): number {
  if (row.listed_ms === 0 || row.beacon_source === '') return 0
  return row.listed_ms + (beaconOf(sale)?.wait_s ?? BEACON_WAIT_S) * 1000
}

export class Drawer {
  private readonly loop: Loop

  constructor(private readonly parts: DrawerParts) {
    this.loop = new Loop({ name: 'drawer', log: parts.log, metrics: parts.metrics, step: () => this.step() })
    parts.sales.onChange(() => this.loop.kick())
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  private async step(): Promise<number> {
    const { ledger, sales } = this.parts
    let pause_ms = EVERY_MS
    let failure: unknown
    for (const sale of (await sales.latest()).sales) {
      if (!hasDraw(sale) || sale.epoch === 0 || sale.rebuilding || sale.state === 'ended') continue
      try {
        await this.look(sale)
      } catch (error) {
        // one sale's trouble holds up no other
        failure ??= error
      }
      const left_ms = sale.opens_ms - ledger.now()
      if (left_ms > 0) pause_ms = Math.min(pause_ms, Math.max(left_ms, WAIT_MIN_MS))
    }
    if (failure !== undefined) throw failure
    return pause_ms
  }

  private async look(sale: Sale): Promise<void> {
    const { ledger, redis } = this.parts
    const row = await preparedDraw(ledger, sale)
    if (row.closed_ms > 0) {
      // without a hash the shard is not loaded: the watcher's to see
      const draw = await redis.hget(admissionKey(sale.id), 'draw')
      if (draw === 'open' || draw === 'closed') await this.load(sale)
      return
    }
    if (row.listed_ms > 0 || ledger.now() >= sale.opens_ms) return this.draw(sale, row)
    await this.journal(sale)
  }

  /** Moves what has entered from Redis to the ledger. What a draw left over is thrown away: its list is closed. */
  private async journal(sale: Sale): Promise<void> {
    const { ledger, redis, metrics } = this.parts
    const key = entriesKey(sale.id)
    for (;;) {
      const entries = (await redis.xrangeBuffer(key, '-', '+', 'COUNT', ENTRIES_AT_ONCE)) as [Buffer, Buffer[]][]
      const last = entries.at(-1)
      if (last === undefined) break
      const entrants = entries.flatMap(([, fields]) => unpackEntries(fields[1] as Buffer))
      await ledger.draws.add(sale.id, entrants)
      await ledger.durable()
      await redis.xtrim(key, 'MINID', '=', idAfter(last[0].toString()))
    }
    metrics.draw_entrants.set({ sale: sale.id }, Number(await redis.hget(admissionKey(sale.id), 'entrants')))
  }

  private async draw(sale: Sale, row: DrawRow): Promise<void> {
    const { ledger, redis, scripts, beforeStep } = this.parts
    const keys = [metaKey(sale.id, 0), admissionKey(sale.id)]
    const closed = await scripts.run(redis, 'close-draw', { keys, args: [sale.epoch] })
    // a rebuild is on its way: it loads the draw as the ledger has it, and this comes again
    if (closed === 'stale') return
    await beforeStep?.('drain')
    await this.journal(sale)
    if (row.beacon_source !== '' && row.beacon === '') {
      if (row.listed_ms === 0) return this.closeList(sale, row)
      if (ledger.now() < beaconUntil(sale, row)) return
      this.parts.log.error({ sale: sale.id, source: row.beacon_source }, 'no beacon came: the draw is made without')
    }
    return this.make(sale, row)
  }

  /** The draw as the ledger's entries and this row give it, and how many parts they were. */
  private async computed(sale: Sale, row: DrawRow): Promise<{ draw: DrawTranscript; parts: number }> {
    const { ledger } = this.parts
    const { secret, beacon, beacon_source } = row
    // parts are read first: one more that comes meanwhile is then missed and makes close() answer false
    const parts = (await ledger.draws.find(sale.id))?.parts ?? 0
    const entries: string[] = []
    for await (const part of ledger.draws.list(sale.id, 'entries')) for (const one of part) entries.push(one)
    const closed_ms = row.listed_ms > 0 ? row.listed_ms : ledger.now()
    const draw = await drawInThread({ sale: sale.id, secret, beacon, beacon_source, entries, closed_ms })
    return { draw, parts }
  }

  /** From then on the root is public, and a value may be announced. */
  private async closeList(sale: Sale, row: DrawRow): Promise<void> {
    const { ledger, log, beforeStep } = this.parts
    await beforeStep?.('list')
    const { draw, parts } = await this.computed(sale, row)
    const is_first = await ledger.draws.closeList(draw, parts)
    await ledger.durable()
    const { root, entrants } = draw
    if (is_first) log.info({ sale: sale.id, entrants: entrants.length, root }, 'draw waits for its beacon')
    else this.loop.kick()
  }

  private async make(sale: Sale, row: DrawRow): Promise<void> {
    const { ledger, metrics, log, beforeStep } = this.parts
    const started = performance.now()
    await beforeStep?.('make')
    const { draw, parts } = await this.computed(sale, row)
    await beforeStep?.('keep')
    const is_first = await ledger.draws.close(draw, parts)
    await ledger.durable()
    if (is_first) {
      const ms = Math.round(performance.now() - started)
      metrics.draws.inc()
      log.info({ sale: sale.id, entrants: draw.entrants.length, seed: draw.seed, ms }, 'draw made')
    }
    // not the first: either another backend's draw is there, or entries came in between and it is made again
    const kept = await ledger.draws.find(sale.id)
    if (kept !== undefined && kept.closed_ms > 0) await this.load(sale)
    else this.loop.kick()
  }

  private async load(sale: Sale): Promise<void> {
    const { ledger, redis, scripts, beforeStep } = this.parts
    await beforeStep?.('load')
    const count = await loadRanks((key, at, bytes) => redis.setrange(key, at, bytes), ledger, sale.id)
    await beforeStep?.('finish')
    const keys = [metaKey(sale.id, 0), admissionKey(sale.id), entrantsKey(sale.id), entriesKey(sale.id)]
    await scripts.run(redis, 'finish-draw', { keys, args: [sale.epoch, count] })
  }
}

/** The id that comes right after this one. */
function idAfter(id: string): string {
  const [ms = '0', sequence = '0'] = id.split('-')
  return `${ms}-${BigInt(sequence) + 1n}`
}
