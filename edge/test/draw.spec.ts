// A draw through the real gate: entered by taking a ticket, once a person however often they ask, and the ranks as they are published.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DrawTranscript } from '../../backend/src/draw/draw'
import { parseTicket } from '../../contract/ticket'
import { type Answer, type DemoSession, type Shop, startShop, until } from './shop'

const SALE = 'drawn'
const PUSHES = 100

interface Settings {
  plugins: { 'user-limit': { limits: { burst: number }[] } }
}

let dir: string
let shop: Shop
let people: DemoSession[]

beforeAll(async () => {
  // the limit on asking would stand before what is tested here
  const settings = JSON.parse(readFileSync(join(import.meta.dirname, '../../rushgate.json'), 'utf8')) as Settings
  for (const limit of settings.plugins['user-limit'].limits) limit.burst = 10 * PUSHES
  dir = mkdtempSync(join(tmpdir(), 'rushgate-draw-'))
  const config = join(dir, 'rushgate.json')
  writeFileSync(config, JSON.stringify(settings))
  shop = await startShop({ config })
  people = await shop.sessions(12, 'early-')
  const now = Date.now()
  await shop.stack.admin('POST', '/admin/sales', {
    id: SALE,
    title: 'Drawn',
    opens_at: new Date(now + 3600_000).toISOString(),
    closes_at: new Date(now + 7200_000).toISOString(),
    skus: [{ sku: 'shoe', title: 'Shoe', price: { amount_minor: 4999, currency: 'EUR' }, total: 5, user_max: 1 }],
    gate: { waiting_room: { admit_per_s: 100, checkout_max: 100, draw: true } },
  })
  await shop.stack.admin('POST', `/admin/sales/${SALE}/prewarm`)
  await until(async () => (await take(people[0] as DemoSession)).status === 201)
})

afterAll(async () => {
  await shop?.close()
  rmSync(dir, { recursive: true, force: true })
})

function take({ session }: DemoSession): Promise<Answer> {
  return shop.call('POST', `/sales/${SALE}/tickets`, { authorization: `Bearer ${session}` })
}

const draw = () => shop.get(`/sales/${SALE}/draw`)

it('draws lots among those who came early, and gives each the place that is published', async () => {
  const announced = await draw()
  expect([announced.status, announced.body.secret]).toEqual([200, undefined])
  const tickets: string[] = []
  const entrants: string[] = []
  for (const one of people) {
    const { status, body } = await take(one)
    expect([status, body.draw, body.place]).toEqual([201, 'entered', undefined])
    tickets.push(body.ticket as string)
    entrants.push(body.entrant as string)
  }
  const pushing = await Promise.all(Array.from({ length: PUSHES }, () => take(people[3] as DemoSession)))
  // each is answered, and none of them makes a second entrant
  for (const { status, body } of pushing) {
    expect([status, body.entrant, body.entrants]).toEqual([201, entrants[3], people.length])
  }
  const early = await shop.get(`/sales/${SALE}/tickets/${tickets[0]}`, people[0]?.session)
  expect(early.body).toMatchObject({ status: 'waiting', place: null, draw: 'entered', entrants: people.length })

  await shop.stack.admin('POST', `/admin/sales/${SALE}/open`)
  let published: Answer['body'] = {}
  await until(async () => {
    // the limit refuses who asks so often, until the next may pass
    published = (await draw()).body
    return published.order !== undefined
  }, 30_000)
  const transcript = published as unknown as DrawTranscript
  expect(transcript.commitment).toBe(announced.body.commitment)
  expect(transcript.entrants).toEqual([...entrants].sort())
  const file = join(shop.dir, 'draw.json')
  writeFileSync(file, JSON.stringify(transcript))
  const verifier = join(import.meta.dirname, '../../backend/src/draw/independent-verifier.mjs')
  expect(spawnSync(process.execPath, [verifier, file], { encoding: 'utf8' }).stdout.trim()).toBe('ok')

  for (const [i, { session }] of people.entries()) {
    let renewed: unknown
    await until(async () => {
      const { body } = await shop.get(`/sales/${SALE}/tickets/${tickets[i]}`, session)
      renewed = body.ticket
      return renewed !== undefined
    })
    expect(parseTicket(renewed as string)?.number).toBe(transcript.order.indexOf(entrants[i] as string) + 1)
  }
})
