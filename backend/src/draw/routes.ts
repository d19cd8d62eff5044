// GET /sales/{sale}/draw: before the draw what it commits to, afterwards the whole transcript, the same for everybody and for ever.
import { once } from 'node:events'
import type { Response, Router } from 'express'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import type { DrawList, DrawRow } from '../ledger/draws'
import type { Ledger, Sale } from '../ledger/port'
import type { SalesFollower } from '../sales/follower'
import { DRAW_FORMAT, type DrawTranscript } from './draw'
import { preparedDraw } from './drawer'
import { hasDraw } from './load-draw'

/** A transcript never changes. */
const KEPT = 'public, max-age=86400'
/** The commitment neither, but the draw is to be seen soon after it was made. */
const KEPT_SHORTLY = 'public, max-age=1'

export function addDrawRoutes(router: Router, parts: { ledger: Ledger; sales: SalesFollower }): void {
  const { ledger, sales } = parts
  addRoute(router, '/sales/:sale/draw', {
    get: async (request, response) => {
      const sale = await sales.sale(param(request, 'sale'))
      if (sale === undefined) throw new Refusal('not_found', 'there is no such sale')
      if (!hasDraw(sale)) throw new Refusal('not_found', 'this sale has no draw')
      const row = await preparedDraw(ledger, sale.id)
      if (row.closed_ms === 0) {
        response.set('cache-control', KEPT_SHORTLY).json(announcement(sale, row))
        return
      }
      response.set({ 'cache-control': KEPT, etag: `"${row.seed}"`, 'content-type': 'application/json; charset=utf-8' })
      if (request.fresh) response.status(304).end()
      else if (request.method === 'HEAD') response.end()
      else await sendTranscript(response, ledger, row)
    },
  })
}

function announcement(sale: Sale, { commitment }: DrawRow): Record<string, unknown> {
  return { format: DRAW_FORMAT, sale: sale.id, commitment, closes_at: new Date(sale.opens_ms).toISOString() }
}

/** List by list and part by part: a million entrants are 50 MB. */
async function sendTranscript(response: Response, ledger: Ledger, row: DrawRow): Promise<void> {
  const { sale, commitment, secret, beacon, root, seed } = row
  const closed_at = new Date(row.closed_ms).toISOString()
  const head: Omit<DrawTranscript, 'entrants' | 'order'> = {
    format: DRAW_FORMAT,
    sale,
    closed_at,
    commitment,
    secret,
    beacon,
    root,
    seed,
  }
  response.write(JSON.stringify(head).slice(0, -1))
  for (const list of ['entrants', 'order'] as const) await sendList(response, ledger, sale, list)
  response.end('}\n')
}

async function sendList(response: Response, ledger: Ledger, sale: string, list: DrawList): Promise<void> {
  response.write(`,"${list}":[`)
  let separator = '\n'
  for await (const part of ledger.draws.list(sale, list)) {
    if (response.closed) return
    const went_out = response.write(`${separator}"${part.join('",\n"')}"`)
    separator = ',\n'
    if (!went_out) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.write('\n]')
}
