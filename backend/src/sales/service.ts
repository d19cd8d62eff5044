// What an operator does to sales. Each change is made in the ledger, made durable, then told to Redis and the gates.

import type { GateSettings } from '../../../contract/gate-settings'
import { preparedDraw } from '../draw/drawer'
import { hasDraw } from '../draw/load-draw'
import { Refusal } from '../http/refusal'
import type { Ledger, NewSale, Sale, SaleChange } from '../ledger/port'
import type { Logger } from '../log'
import type { Shards } from '../redis/shards'
import type { SalesFollower } from './follower'
import { RebuildBusy, type Rebuilder, type RebuildReason } from './rebuild'

export class SalesService {
  constructor(
    private readonly parts: {
      ledger: Ledger
      shards: Shards
      sales: SalesFollower
      rebuilder: Rebuilder
      log: Logger
    },
  ) {}

  async get(id: string): Promise<Sale> {
    const sale = await this.parts.ledger.sale(id)
    if (sale === undefined) throw new Refusal('not_found', `there is no sale "${id}"`)
    return sale
  }

  async create(sale: NewSale): Promise<Sale> {
    const created = await this.parts.ledger.createSale(sale)
    // its commitment stands from here on
    if (hasDraw(created)) await preparedDraw(this.parts.ledger, created)
    await this.parts.ledger.durable()
    this.parts.sales.changed()
    return created
  }

  async change(id: string, change: SaleChange): Promise<Sale> {
    const before = await this.get(id)
    if (change.gate !== undefined) await this.checkBeacon(before, change.gate as GateSettings)
    const changed = await this.parts.ledger.changeSale(id, change)
    const grew = changed.skus.some((sku) => {
      const old = before.skus.find((each) => each.sku === sku.sku)
      return old !== undefined && sku.total > old.total
    })
    // new units, or a draw where there was none, reach the shards as all that is loaded does: by a rebuild
    if (grew && changed.state !== 'draft') return this.rebuild(changed, 'stock_added')
    if (hasDraw(changed) && !hasDraw(before) && changed.state !== 'draft') return this.rebuild(changed, 'asked')
    return this.tell(changed)
  }

  /** What a commitment was published to cannot be another afterwards. */
  private async checkBeacon({ id }: Sale, { waiting_room }: GateSettings): Promise<void> {
    if (waiting_room?.draw !== true) return
    const row = await this.parts.ledger.draws.find(id)
    const source = waiting_room.beacon?.source ?? ''
    if (row === undefined || row.beacon_source === source) return
    const committed = row.beacon_source === '' ? 'no beacon' : `the beacon "${row.beacon_source}"`
    throw new Refusal('conflict', `gate.waiting_room.beacon: the draw is committed to ${committed}`)
  }

  /** Loads a sale into Redis before it opens; one that is loaded already stays as it is. */
  async prewarm(id: string): Promise<Sale> {
    const sale = await this.get(id)
    if (sale.state === 'ended') throw new Refusal('conflict', `sale "${id}" has ended`)
    return sale.state === 'draft' || sale.rebuilding ? this.rebuild(sale, 'open') : sale
  }

  /** Opens now, whatever opening time was set. */
  async open(id: string): Promise<Sale> {
    const sale = await this.get(id)
    const now = this.parts.ledger.now()
    if (sale.state === 'ended' || sale.closes_ms <= now) throw new Refusal('conflict', `sale "${id}" has ended`)
    if (sale.state === 'paused') throw new Refusal('conflict', `sale "${id}" is paused: resume it`)
    const opened = sale.opens_ms > now ? await this.parts.ledger.changeSale(id, { opens_ms: now }) : sale
    return opened.state === 'draft' ? this.rebuild(opened, 'open') : this.tell(opened)
  }

  async pause(id: string): Promise<Sale> {
    return this.setState(id, 'paused', ['ready', 'paused'])
  }

  async resume(id: string): Promise<Sale> {
    return this.setState(id, 'ready', ['paused', 'ready'])
  }

  async end(id: string): Promise<Sale> {
    return this.setState(id, 'ended', ['draft', 'ready', 'paused', 'ended'])
  }

  async rebuildAsked(id: string): Promise<Sale> {
    const sale = await this.get(id)
    if (sale.state === 'draft') throw new Refusal('conflict', `sale "${id}" is not loaded yet: prewarm or open it`)
    return this.rebuild(sale, 'asked')
  }

  private async setState(id: string, state: 'ready' | 'paused' | 'ended', from: Sale['state'][]): Promise<Sale> {
    const sale = await this.get(id)
    if (!from.includes(sale.state)) {
      throw new Refusal('conflict', `sale "${id}" is ${sale.state}; only ${from.join(' or ')} can become ${state}`)
    }
    return this.tell(sale.state === state ? sale : await this.parts.ledger.setSaleState(id, state))
  }

  private async rebuild(sale: Sale, reason: RebuildReason): Promise<Sale> {
    await this.parts.ledger.durable()
    try {
      return await this.parts.rebuilder.rebuild(sale, reason)
    } catch (error) {
      if (error instanceof RebuildBusy) throw new Refusal('rebuilding', error.message, { retry_after_ms: 500 })
      throw error
    }
  }

  /** While a sale is being rebuilt its shards are left alone: opening them is for the rebuild, which reads the sale last. */
  private async tell(sale: Sale): Promise<Sale> {
    const { ledger, shards, sales, log } = this.parts
    await ledger.durable()
    sales.changed()
    if (sale.rebuilding || sale.epoch === 0) return sale
    try {
      for (let shard = 0; shard < sale.shards; shard++) {
        await shards.configure(sale.id, shard, sale.epoch, shards.metaFields(sale))
      }
    } catch (error) {
      log.warn({ err: error, sale: sale.id }, 'Redis could not be told of a change; the watcher will')
    }
    return sale
  }
}
