// The sales that `npm start` makes, so that there is something to buy at once and something to wait for.
import type { GateSettings } from '../contract/gate-settings'
import { AdminError, type Stack } from './stack'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const SOON_MS = 2 * MINUTE_MS
/** time enough to open the page and be in the draw */
const DRAW_MS = MINUTE_MS

interface DemoSku {
  sku: string
  title: string
  price: { amount_minor: number; currency: string }
  total: number
  user_max: number
}

interface DemoSale {
  id: string
  title: string
  opens_at: string
  closes_at: string
  skus: DemoSku[]
  gate?: GateSettings
}

function sku(id: string, title: string, amount_minor: number): DemoSku {
  return { sku: id, title, price: { amount_minor, currency: 'EUR' }, total: 100, user_max: 2 }
}

function demoSales(now_ms: number): DemoSale[] {
  const closes_at = new Date(now_ms + DAY_MS).toISOString()
  return [
    {
      id: 'demo',
      title: 'Demo sale',
      opens_at: new Date(now_ms).toISOString(),
      closes_at,
      skus: [sku('poster', 'Concert poster, signed', 1900), sku('record', 'Live record, first pressing', 2900)],
    },
    {
      id: 'guarded',
      title: 'Demo sale with the full gate',
      opens_at: new Date(now_ms + DRAW_MS).toISOString(),
      closes_at,
      skus: [sku('print', 'Screen print, numbered', 3900)],
      gate: {
        signature: true,
        // of everybody, so there is no score from which on it is asked for; a higher one makes it harder
        proof: true,
        score: { refuse_from: 100 },
        waiting_room: { admit_per_s: 5, checkout_max: 20, draw: true },
      },
    },
    {
      id: 'soon',
      title: 'Opens in two minutes',
      opens_at: new Date(now_ms + SOON_MS).toISOString(),
      closes_at,
      skus: [sku('lamp', 'Desk lamp, brass', 7900), sku('clock', 'Wall clock, oak', 5900)],
    },
  ]
}

/** Makes those that are not there yet and loads them; returns the ids of those it made. */
export async function makeDemoSales(stack: Stack, now_ms = Date.now()): Promise<string[]> {
  const made: string[] = []
  for (const sale of demoSales(now_ms)) {
    try {
      await stack.admin('POST', '/admin/sales', sale)
      made.push(sale.id)
    } catch (error) {
      if (error instanceof AdminError && error.status === 409) continue // kept from an earlier start
      throw error
    }
    await stack.admin('POST', `/admin/sales/${sale.id}/prewarm`)
  }
  return made
}
