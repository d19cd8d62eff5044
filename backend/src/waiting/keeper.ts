// Keeps waiting rooms: lends numbers before they run out, sets the rate that settlement can follow, notes how far a room has come, and tells
// operators who waits. Looks twice a second; several keepers do no harm.
import type { Redis } from 'ioredis'
import { admissionKey, calledKey, checkoutKey, metaKey } from '../../../contract/keys'
import { rateForBacklog } from '../../../edge/src/domain/waiting'
import type { Ledger, Sale } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { Scripts } from '../redis/scripts'
import type { SalesFollower } from '../sales/follower'
import { streamsOf, viewOf } from '../settlement/streams'
import { BLOCK, roomSettings, termsOf } from './room'

const EVERY_MS = 500
const IDLE_MS = 1000
/** Another block is lent when less than this is left of the last. */
const LEFT_MIN = BLOCK / 2
/** Settlement may be behind by the purchases of this many seconds of admission; from half of it on fewer are let in. */
const BACKLOG_S = 10
const BACKLOG_MIN = 1000

interface Look {
  issued: number
  issued_max: number
  front: number
  called: number
  in_checkout: number
  has_hole: boolean
}

interface KeeperParts {
  ledger: Ledger
  redis: Redis
  scripts: Scripts
  sales: SalesFollower
  metrics: Metrics
  log: Logger
}

export class RoomKeeper {
  private readonly loop: Loop
  /** what the ledger was told last */
  private readonly noted = new Map<string, string>()

  constructor(private readonly parts: KeeperParts) {
    this.loop = new Loop({ name: 'waiting-rooms', log: parts.log, metrics: parts.metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  private async step(): Promise<number> {
    const { sales } = await this.parts.sales.latest()
    const rooms = sales.filter(
      (sale) => roomSettings(sale) !== undefined && sale.epoch > 0 && !sale.rebuilding && sale.state !== 'ended',
    )
    if (rooms.length === 0) return IDLE_MS
    const backlog = await this.backlog(sales)
    const lent = new Map((await this.parts.ledger.rooms.all()).map((row) => [row.sale, row.issued_max]))
    for (const sale of rooms) await this.tend(sale, backlog, lent.get(sale.id) ?? 0)
    return EVERY_MS
  }

  /** Entries that settlement has yet to do, of all sales: they share one ledger. */
  private async backlog(sales: Sale[]): Promise<number> {
    let entries = 0
    for (const { key } of streamsOf(sales)) entries += (await viewOf(this.parts.redis, key))?.backlog ?? 0
    return entries
  }

  private async tend(sale: Sale, backlog: number, lent: number): Promise<void> {
    const { ledger } = this.parts
    const look = await this.look(sale, backlog, lent)
    if (look === undefined) return
    if (look.issued_max - look.issued < LEFT_MIN) {
      // a draw gives out its ranks at once, however many
      const more = await ledger.rooms.lend(sale.id, Math.max(BLOCK, look.issued + BLOCK - look.issued_max))
      await ledger.durable()
      await this.look(sale, backlog, more)
    }
    // until a hole is behind, what is past it is not taken for known: one hole is stepped over, not two
    const issued = look.has_hole ? 0 : look.issued
    const seen = `${issued} ${look.front}`
    if (this.noted.get(sale.id) !== seen) {
      await ledger.rooms.note(sale.id, issued, look.front)
      this.noted.set(sale.id, seen)
    }
  }

  /** undefined while there is no such room: a rebuild makes it. */
  private async look(sale: Sale, backlog: number, lent: number): Promise<Look | undefined> {
    const { redis, scripts, metrics } = this.parts
    const settings = roomSettings(sale)
    if (settings === undefined) return undefined
    const { rate_per_s, checkout_max, pass_ms } = termsOf(settings)
    const rate_now = rateForBacklog(rate_per_s, backlog, Math.max(BACKLOG_MIN, BACKLOG_S * rate_per_s))
    const reply = await scripts.run(redis, 'tend-room', {
      keys: [metaKey(sale.id, 0), admissionKey(sale.id), calledKey(sale.id), checkoutKey(sale.id)],
      args: [sale.epoch, lent, rate_per_s, rate_now, checkout_max, pass_ms],
    })
    if (reply === 'stale' || reply === 'missing') return undefined
    const numbers = reply.split(' ').map(Number)
    const [issued, issued_max, front, called, in_checkout, hole] = numbers as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    metrics.waiting.set({ sale: sale.id }, Math.max(0, issued - front) + called)
    metrics.in_checkout.set({ sale: sale.id }, in_checkout)
    metrics.admit_rate.set({ sale: sale.id }, rate_now)
    metrics.numbers_left.set({ sale: sale.id }, issued_max - issued)
    return { issued, issued_max, front, called, in_checkout, has_hole: hole === 1 }
  }
}
