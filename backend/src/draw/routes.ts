// GET /sales/{sale}/draw: before the draw what it commits to, afterwards the whole transcript, the same for everybody and for ever.
// POST /admin/sales/{sale}/draw/beacon: the value that an announced source has given, once the list is closed and its root is public.
import type { Response, Router } from 'express'
import { z } from 'zod'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { clientAddress } from '../http/client-address'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import type { DrawList, DrawRow } from '../ledger/draws'
import type { Ledger, Sale } from '../ledger/port'
import type { Logger } from '../log'
import { isPlainText } from '../plain-text'
import type { SalesFollower } from '../sales/follower'
import { DRAW_FORMAT, type DrawTranscript } from './draw'
import { beaconUntil, preparedDraw } from './drawer'
import { hasDraw } from './load-draw'
import { Transcripts } from './transcripts'

/** A transcript never changes. */
const KEPT = 'public, max-age=86400'
/** The commitment neither, but the draw is to be seen soon after it was made. */
const KEPT_SHORTLY = 'public, max-age=1'

const BEACON_LENGTH_MAX = 1000

/** Compared by eye with what its source says: no spaces around it. */
const beaconBody = z.strictObject({
  value: z
    .string()
    .min(1)
    .max(BEACON_LENGTH_MAX)
    .refine(
      (value) => isPlainText(value) && value === value.trim(),
      'must be without control characters, or spaces around it',
    ),
})

interface DrawRouteParts {
  ledger: Ledger
  sales: SalesFollower
  auth: Authenticator
  log: Logger
}

export function addDrawRoutes(router: Router, parts: DrawRouteParts): void {
  const { ledger, sales, auth, log } = parts
  const transcripts = new Transcripts()
  addRoute(
    router,
    '/admin/sales/:sale/draw/beacon',
    {
      post: async (request, response) => {
        const { value } = await readJson(request, beaconBody)
        const sale = await sales.sale(param(request, 'sale'))
        const row = sale === undefined ? undefined : await ledger.draws.find(sale.id)
        if (sale === undefined || row === undefined) throw new Refusal('not_found', 'there is no such draw')
        if (row.beacon_source === '') throw new Refusal('conflict', 'no beacon was announced for this draw')
        const is_kept = await ledger.draws.announce(sale.id, value)
        await ledger.durable()
        const after = (await ledger.draws.find(sale.id)) as DrawRow
        // the same again is answered the same
        if (after.beacon !== value) throw new Refusal('conflict', whyNot(after))
        if (is_kept) log.warn({ audit: 'draw', sale: sale.id, beacon: value, root: row.root }, 'beacon announced')
        response.json(announcement(sale, after))
      },
    },
    auth.admin,
  )
  addRoute(router, '/sales/:sale/draw', {
    get: async (request, response) => {
      const sale = await sales.sale(param(request, 'sale'))
      if (sale === undefined) throw new Refusal('not_found', 'there is no such sale')
      if (!hasDraw(sale)) throw new Refusal('not_found', 'this sale has no draw')
      const row = await preparedDraw(ledger, sale)
      if (row.closed_ms === 0) {
        response.set('cache-control', KEPT_SHORTLY).json(announcement(sale, row))
        return
      }
      const kept = {
        'cache-control': KEPT,
        etag: `"${row.seed}"`,
        'content-type': 'application/json; charset=utf-8',
      }
      response.set(kept)
      if (request.fresh) response.status(304).end()
      else if (request.method === 'HEAD') response.end()
      else {
        // a refusal must not have it
        response.removeHeader('etag')
        await transcripts.send(response, clientAddress(request), () => sendTranscript(response.set(kept), ledger, row))
      }
    },
  })
}

function whyNot({ listed_ms, closed_ms, beacon }: DrawRow): string {
  if (beacon !== '') return `the beacon is "${beacon}" already`
  if (closed_ms > 0) return 'the draw was made without, because the beacon did not come in time'
  return listed_ms === 0 ? 'the list is not closed yet: a value known before decides nothing' : 'try again'
}

function announcement(sale: Sale, row: DrawRow): Record<string, unknown> {
  const { commitment, beacon_source, beacon, listed_ms, root, entrants } = row
  const known = { format: DRAW_FORMAT, sale: sale.id, commitment, closes_at: new Date(sale.opens_ms).toISOString() }
  if (beacon_source === '') return known
  if (listed_ms === 0) return { ...known, beacon_source }
  // the list can be no other from here on, whatever the value will be
  const waits_until = new Date(beaconUntil(sale, row)).toISOString()
  const closed_at = new Date(listed_ms).toISOString()
  return { ...known, closed_at, beacon_source, beacon, waits_until, root, entrants }
}

/** List by list and part by part: a million entrants are 50 MB. */
async function sendTranscript(response: Response, ledger: Ledger, row: DrawRow): Promise<void> {
  const { sale, commitment, secret, beacon, beacon_source, root, seed } = row
  const closed_at = new Date(row.closed_ms).toISOString()
  const head: Omit<DrawTranscript, 'entrants' | 'order'> = {
    format: DRAW_FORMAT,
    sale,
    closed_at,
    commitment,
    secret,
    beacon,
    ...(beacon_source === '' ? {} : { beacon_source }),
    root,
    seed,
  }
  response.write(JSON.stringify(head).slice(0, -1))
  for (const list of ['entrants', 'order'] as const) await sendList(response, ledger, sale, list)
  if (!response.destroyed) response.end('}\n')
}

async function sendList(response: Response, ledger: Ledger, sale: string, list: DrawList): Promise<void> {
  // who has gone, or was cut off, is written nothing more
  if (response.destroyed) return
  response.write(`,"${list}":[`)
  let separator = '\n'
  for await (const part of ledger.draws.list(sale, list)) {
    if (response.destroyed) return
    const went_out = response.write(`${separator}"${part.join('",\n"')}"`)
    separator = ',\n'
    if (!went_out) await drained(response)
  }
  if (!response.destroyed) response.write('\n]')
}

/** Until more can be written, or nobody is there to read it. */
function drained(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}
