// A draw through the real gate: entered by taking a ticket, once a person however often they ask, and the ranks as they are published.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DrawTranscript } from '../../backend/src/draw/draw'
import { parseTicket } from '../../contract/ticket'
import { type Answer, type DemoSession, type Shop, startShop, until } from './shop'

const SALE = 'drawn'

let shop: Shop
let people: DemoSession[]

beforeAll(async () => {
  shop = await startShop()
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

afterAll(() => shop.close())

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
  const pushing = await Promise.all(Array.from({ length: 100 }, () => take(people[3] as DemoSession)))
  // some of them are told that it is too often; none of them makes a second entrant
  const answered = pushing.filter(({ status }) => status !== 429)
  expect(answered.length).toBeGreaterThanOrEqual(5)
  for (const { status, body } of answered) expect([status, body.entrants]).toEqual([201, people.length])
  const early = await shop.get(`/sales/${SALE}/tickets/${tickets[0]}`, people[0]?.session)
  expect(early.body).toMatchObject({ status: 'waiting', place: null, draw: 'entered', entrants: people.length })

  await shop.stack.admin('POST', `/admin/sales/${SALE}/open`)
  await until(async () => (await draw()).body.order !== undefined)
  const transcript = (await draw()).body as unknown as DrawTranscript
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
