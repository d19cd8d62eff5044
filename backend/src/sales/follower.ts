// The sales as the ledger has them now, and the long poll by which gates learn of every change.
//
// Inside the process a change is seen at once (`latest`); gates hear of it (`announced`) only after the ledger has made it
// durable, because a gate never goes back to an older version.

import type { DegradeByHand } from '../../../contract/degradation'
import type { FollowedSale, FollowedSales } from '../../../contract/followed-sale'
import type { GateSettings } from '../../../contract/gate-settings'
import type { Ledger, Sale } from '../ledger/port'
import type { Logger } from '../log'
import { type Poll, Waiters } from '../long-poll'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'

/** How soon a change made by another process is seen; a change of this process is announced at once. */
const POLL_MS = 250

interface Snapshot {
  version: number
  degrade: DegradeByHand
  sales: Sale[]
  /** by sale: see RoomRow.since_ms */
  room_since_ms: Map<string, number>
}

export class SalesFollower {
  private snapshot: Snapshot | undefined
  private loading: Promise<Snapshot> | undefined
  private announced_sales: FollowedSales | undefined
  private readonly waiters = new Waiters()
  private readonly listeners = new Set<(sales: Sale[]) => void>()
  private readonly loop: Loop

  constructor(
    private readonly ledger: Ledger,
    log: Logger,
    metrics: Metrics,
  ) {
    this.loop = new Loop({ name: 'follower', log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    this.waiters.stop()
    await this.loop.stop()
  }

  /** Called with the sales after each change, before it is announced. */
  onChange(listener: (sales: Sale[]) => void): void {
    this.listeners.add(listener)
  }

  /** This process has changed a sale. */
  changed(): void {
    this.loop.kick()
  }

  /** The sales as of now, read again only when their version has risen. */
  async latest(): Promise<Snapshot> {
    const version = await this.ledger.salesVersion()
    if (this.snapshot !== undefined && this.snapshot.version === version) return this.snapshot
    this.loading ??= this.load().finally(() => {
      this.loading = undefined
    })
    return this.loading
  }

  /** The sales as last seen, without asking the ledger; empty before the first look. */
  seen(): Sale[] {
    return this.snapshot?.sales ?? []
  }

  /** The level of degradation that is set by hand, as last seen; nodes may be higher by their own load. */
  degradeLevel(): number {
    return this.snapshot?.degrade.level ?? 0
  }

  async sale(id: string): Promise<Sale | undefined> {
    return (await this.latest()).sales.find((sale) => sale.id === id)
  }

  /** Resolves with the announced sales as soon as their version is above `after`, or as they are after `wait_ms`. */
  async follow(poll: Poll): Promise<FollowedSales | undefined> {
    if ((this.announced_sales?.version ?? -1) <= poll.after) {
      const waiting = this.waiters.wait(poll)
      this.loop.kick()
      await waiting
    }
    return this.announced_sales
  }

  private async load(): Promise<Snapshot> {
    const loaded = { ...(await this.ledger.sales()), room_since_ms: new Map<string, number>() }
    // read after the sales: a room that was made anew is told of with the epoch that it was made for
    for (const { sale, since_ms } of await this.ledger.rooms.all()) loaded.room_since_ms.set(sale, since_ms)
    // a slower answer must not replace a newer one
    if (this.snapshot === undefined || loaded.version >= this.snapshot.version) this.snapshot = loaded
    for (const listener of this.listeners) listener(this.snapshot.sales)
    return this.snapshot
  }

  private async step(): Promise<number> {
    const { version, degrade, sales, room_since_ms } = await this.latest()
    if (this.announced_sales === undefined || version > this.announced_sales.version) {
      await this.ledger.durable()
      this.announced_sales = {
        version,
        degrade,
        sales: sales.map((sale) => followed(sale, room_since_ms.get(sale.id) ?? 0)),
      }
      this.waiters.announce(version)
    }
    return POLL_MS
  }
}

/** What gates need of a sale, and no more. */
function followed(sale: Sale, waiting_since_ms: number): FollowedSale {
  return {
    id: sale.id,
    title: sale.title,
    state: sale.state,
    rebuilding: sale.rebuilding,
    epoch: sale.epoch,
    redis_replid: sale.redis_replid,
    opens_ms: sale.opens_ms,
    closes_ms: sale.closes_ms,
    shards: sale.shards,
    id_key: sale.id_key,
    left_shown: sale.left_shown,
    gate: sale.gate as GateSettings, // the admin API has let nothing else in
    waiting_since_ms,
    skus: sale.skus.map(({ sku, title, price, price_version, total, user_max }) => ({
      sku,
      title,
      price,
      price_version,
      total,
      user_max,
    })),
  }
}
