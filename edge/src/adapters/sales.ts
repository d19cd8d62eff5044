// The sales that this node knows: one worker follows the backend, all read what it found from shared memory.
//
// Versions only go upwards, and the last good list is kept when the backend is away. Stock is read the same way: one
// worker asks Redis four times a second, and each worker also learns from the replies to its own reservations.
import * as cjson from 'cjson.safe'
import type { DegradeByHand } from '../../../contract/degradation'
import type { FollowedSale, FollowedSales, FollowedSku } from '../../../contract/followed-sale'
import { emptinessOfAll, isNews, newBoard, type StockBoard } from '../domain/stock'
import type { LaneResult } from '../kernel/lane'
import type { KnownSale, SalesPort } from '../kernel/sales'
import { isMine, newFollower, type SharedState } from './follower'
import type { HttpTarget } from './http-client'
import type { Batch, ReplyListener } from './lane-batch'
import { nowS } from './nginx-calls'

export interface SalesNode {
  port: SalesPort
  /** the level of degradation that the operator has set */
  degradeByHand: (this: void) => DegradeByHand
  /** in ms: Redis' clock less this node's */
  clockOffset: (this: void) => number
  /** reads what other workers found; cheap when there is nothing new */
  refresh: (this: void) => void
  /** learns the stock from the reply to a batch of reservations */
  onStock: ReplyListener
  /** the follower's loop, in a timer of one worker at a time */
  follow: (this: void) => void
  /** asks for the stock of every sale that may sell, in one worker at a time */
  readStock: (this: void, read: StockReader) => void
  /** SKUs of the sales that are loaded and have not closed, at most `max` */
  onSale: (this: void, max: number) => string[]
  onChange: (this: void, forget: (this: void) => void) => void
}

type StockReader = (this: void, sale: FollowedSale, shard: number, onReply: ReplyListener) => LaneResult

/** Stock is read from this long before the opening: the page shows it. */
const READ_BEFORE_OPEN_MS = 3600000

function toKnown(sale: FollowedSale, board: StockBoard): KnownSale {
  const skus: Record<string, FollowedSku> = {}
  for (const sku of sale.skus) skus[sku.sku] = sku
  board.gone = emptinessOfAll(board, sale.skus)
  return { sale, skus, board }
}

/** "<free> <unpaid>" of each SKU of the batch, from `lines_from` on. */
function learnLines(board: StockBoard, skus: string[], reply: string, lines_from: number): void {
  let from = lines_from
  for (const sku of skus) {
    const [free, unpaid] = string.match(reply, '^(-?%d+) (%d+)', from)
    if (free !== undefined) board.skus[sku] = { free: tonumber(free) as number, unpaid: tonumber(unpaid) as number }
    const [line_end] = string.find(reply, '\n', from, true)
    from = (line_end ?? reply.length) + 1
  }
}

export function salesNode(shared: SharedState, backend: HttpTarget, bearer: string): SalesNode {
  let sales = new LuaTable<string, KnownSale>()
  let list: KnownSale[] = []
  let version = -1
  let by_hand: DegradeByHand = { level: 0, pinned: false }
  let stock_seen = ''
  let offset_ms = 0
  let changed: ((this: void) => void) | undefined
  const keep = (body: string): void => {
    shared.set('sales', body)
  }
  const follower = newFollower('sales', shared, backend, bearer, keep, refresh)

  function find(id: string): KnownSale | undefined {
    const known = sales.get(id)
    if (known !== undefined && known.sale.state !== 'draft') return known
    // another worker may have heard of it, or of its opening, since the last refresh: workers are to agree on what there is
    loadSales()
    return sales.get(id)
  }

  function loadSales(): void {
    const [newest] = shared.get('sales_version')
    if (newest === undefined || newest === version) return
    const [text] = shared.get('sales')
    const [decoded] = cjson.decode(tostring(text))
    if (decoded === undefined) return
    const followed = decoded as FollowedSales
    const next = new LuaTable<string, KnownSale>()
    const next_list: KnownSale[] = []
    for (const sale of followed.sales) {
      const known = toKnown(sale, sales.get(sale.id)?.board ?? newBoard())
      next.set(sale.id, known)
      table.insert(next_list, known)
    }
    sales = next
    list = next_list
    version = followed.version
    by_hand = followed.degrade
    if (changed !== undefined) changed()
  }

  /** A report in shared memory: seen_ms, offset_ms, epoch, stock version, then the lines of the script. */
  function loadStock(): void {
    const [seen] = shared.get('stock_seen')
    if (seen === undefined || seen === stock_seen) return
    stock_seen = seen as string
    for (const known of list) {
      const [report] = shared.get('stock:' + known.sale.id)
      if (report !== undefined) learnReport(known, report as string)
    }
  }

  function learnReport(known: KnownSale, report: string): void {
    const [seen, offset, epoch, stock_version, lines] = string.match(report, '^(%d+) (-?%d+) (%d+) (%d+)\n(.*)$')
    const board = known.board
    if (seen === undefined) return
    const seen_ms = tonumber(seen) as number
    if (seen_ms <= board.seen_ms) return
    if (!isNews(board, tonumber(epoch) as number, tonumber(stock_version) as number)) return
    const skus: string[] = []
    for (const sku of known.sale.skus) table.insert(skus, sku.sku)
    learnLines(board, skus, lines as string, 1)
    board.gone = emptinessOfAll(board, known.sale.skus)
    board.epoch = tonumber(epoch) as number
    board.stock_version = tonumber(stock_version) as number
    board.seen_ms = seen_ms
    offset_ms = tonumber(offset) as number
  }

  function onStock(batch: Batch, reply: string, lines_from: number): void {
    const sale = batch.sale as FollowedSale
    const known = sales.get(sale.id)
    const [, stock_version] = string.match(reply, '^%d+ (%d+) %a+ (%d+)')
    if (known === undefined || stock_version === undefined) return
    const version_now = tonumber(stock_version) as number
    if (!isNews(known.board, sale.epoch, version_now)) return
    learnLines(known.board, batch.skus, reply, lines_from)
    known.board.gone = emptinessOfAll(known.board, known.sale.skus)
    known.board.epoch = sale.epoch
    known.board.stock_version = version_now
  }

  function writeReport(batch: Batch, reply: string, lines_from: number): void {
    const sale = batch.sale as FollowedSale
    const now_ms = math.floor(nowS() * 1000)
    const [redis_ms, state, stock_version, epoch] = string.match(reply, '^%d+ (%d+) (%a+) (%d+) (%d+)')
    // a shard that is being loaded has the new epoch already and no stock yet: that is not sold out
    if (state === undefined || state === 'missing' || state === 'closed' || batch.skus.length === 0) return
    const offset = (tonumber(redis_ms) as number) - now_ms
    const head = tostring(now_ms) + ' ' + tostring(offset) + ' ' + tostring(epoch) + ' ' + tostring(stock_version)
    shared.set('stock:' + sale.id, head + '\n' + string.sub(reply, lines_from), 60)
    shared.set('stock_seen', tostring(now_ms) + ' ' + sale.id + ' ' + tostring(stock_version))
  }

  function readStock(read: StockReader): void {
    if (!isMine(shared, 'stock_reader')) return
    const now_ms = nowS() * 1000
    for (const known of list) {
      const sale = known.sale
      const may_sell = sale.state === 'ready' && !sale.rebuilding && now_ms < sale.closes_ms
      if (may_sell && now_ms > sale.opens_ms - READ_BEFORE_OPEN_MS) {
        read(sale, 0, writeReport)
      }
    }
  }

  function onSale(max: number): string[] {
    const skus: string[] = []
    const now_ms = nowS() * 1000
    for (const { sale } of list) {
      if (sale.state !== 'ready' || now_ms >= sale.closes_ms) continue
      for (const { sku } of sale.skus) {
        if (skus.length >= max) return skus
        skus.push(sku)
      }
    }
    return skus
  }

  function refresh(): void {
    follower.keepDuty()
    loadSales()
    loadStock()
  }

  return {
    port: { find, ready: () => version >= 0 },
    degradeByHand: () => by_hand,
    clockOffset: () => offset_ms,
    refresh,
    onStock,
    follow: follower.follow,
    readStock,
    onSale,
    onChange: (forget) => {
      changed = forget
    },
  }
}
