// One schedule: a stack of its own, a crowd of shoppers, faults at their times; then rest, probes and the checkers.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kafka } from '../scripts/engines/kafka'
import type { DeathListener, ManagedProcess } from '../scripts/processes'
import { Random } from '../scripts/random'
import { startStack } from '../scripts/stack'
import type { Evidence, Violation } from './checkers/evidence'
import { bodyOf } from './checkers/evidence'
import { checkAll } from './checkers/index'
import { badLogLines } from './error-log'
import { type Admin, readOrders, readTerms, waitForRest } from './ledger-reader'
import { type PlannedFault, planFaults } from './plan-faults'
import { drawPlan, HOLD_S, PAYMENT_EXTENSION_S, saleRules } from './population'
import { probeStock } from './probe'
import { readRedis } from './redis-content'
import { kafkaEnvironment, ROLES_BESIDE_SETTLERS, Settlers } from './settlers'
import { ShopClient } from './shop-client'
import { Shopper } from './shopper'
import { World } from './world'

/** These come, and faults hit, within this time … */
const SHOPPERS = 100
const SPREAD_MS = 6000
/** … and with each fault comes a wave, so that it never meets a quiet shop. */
const WAVE_SHOPPERS = 25
const WAVE_MS = 1500
const GIVE_UP_MS = 45_000
const DEATH_TAIL_LENGTH = 2000
const PROBES_END_MS = 240_000
/** Rest comes within a few seconds; with a broker that was killed, and groups that share out their partitions again, within twenty. */
const REST_TIMEOUT_MS = 90_000
const GATE_WORKERS = 2
const SETTLERS = 2
const SALE = 'spring'

interface ScheduleOptions {
  seed: number
  dir: string
  /** PGlite when absent */
  postgres?: { process: ManagedProcess; url: string }
  /** orders go through it; with PostgreSQL two settlers of their own take them */
  kafka?: Kafka
  /** in place of those that the seed plans */
  faults?: PlannedFault[]
  log: (line: string) => void
}

export interface ScheduleResult {
  seed: number
  kills: number
  orders: number
  violations: Violation[]
  /** told by code or status, for the progress line */
  codes: Record<string, number>
}

export async function runSchedule(options: ScheduleOptions): Promise<ScheduleResult> {
  const { seed, dir, postgres, kafka, log } = options
  const random = new Random(seed)
  const planned = planFaults(seed, random.fork(), SPREAD_MS, kafka !== undefined)
  const faults = options.faults ?? planned
  const found: Violation[] = []
  const onDeath: DeathListener = (name, exit, tail) => {
    const why = exit.signal ?? `code ${exit.code}`
    found.push({ kind: 'server_error', what: `${name} ended by itself (${why}): ${tail.slice(-DEATH_TAIL_LENGTH)}` })
  }
  const env = kafka === undefined ? {} : await kafkaEnvironment(kafka, `faults-${seed}-${Date.now()}-`)
  const apart = kafka !== undefined && postgres !== undefined
  const roles = apart ? ROLES_BESIDE_SETTLERS : undefined
  const database_url = postgres?.url
  const stack = await startStack({ dir: join(dir, 'stack'), workers: GATE_WORKERS, database_url, env, roles, onDeath })
  const settlers = apart ? new Settlers(stack, { database_url: postgres.url, env, onDeath }) : undefined
  const world = new World(stack, SALE, random.fork(), log, { postgres: postgres?.process, kafka, settlers })
  let evidence: Evidence | undefined
  try {
    for (let i = 0; i < (settlers === undefined ? 0 : SETTLERS); i++) await settlers?.add()
    evidence = await play(world, faults, random.fork(), found)
    writeFileSync(join(dir, 'evidence.json'), JSON.stringify(evidence))
    found.push(...checkAll(evidence))
  } catch (error) {
    // a part that does not come back, an admin call that fails for good: findings as well
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    found.push({ kind: 'server_error', what: `the schedule broke off: ${why}` })
  } finally {
    await settlers?.stop()
    await stack.stop()
  }
  found.push(...badLogLines(stack.error_log()))
  const codes = evidence === undefined ? {} : countCodes(evidence)
  return { seed, kills: world.kills, orders: evidence?.orders.length ?? 0, violations: found, codes }
}

/** Everything up to rest, and what was seen; probes and a rest that never comes are noted in `found`. */
async function play(world: World, faults: PlannedFault[], crowd: Random, found: Violation[]): Promise<Evidence> {
  const { stack } = world
  const admin = stack.admin.bind(stack)
  const sale = saleRules(SALE)
  await openSale(admin, sale)
  const opened_ms = Date.now()
  const everybody = SHOPPERS + WAVE_SHOPPERS * faults.length
  const client = new ShopClient(stack.urls.gate)
  try {
    const shoppers = await makeShoppers(admin, client, crowd, everybody, sale.skus.length)
    const living: Promise<void>[] = []
    const come = (from: number, count: number, spread_ms: number) => {
      for (const shopper of shoppers.slice(from, from + count)) {
        living.push(shopper.live(drawPlan(crowd.fork(), spread_ms)))
      }
    }
    come(0, SHOPPERS, SPREAD_MS)
    await injectAll(world, faults, (wave) => come(SHOPPERS + wave * WAVE_SHOPPERS, WAVE_SHOPPERS, WAVE_MS))
    await Promise.all(living)

    const rested = await waitForRest(admin, SALE, true, REST_TIMEOUT_MS)
    if (!rested) found.push({ kind: 'lost', what: `not at rest ${REST_TIMEOUT_MS / 1000} s after the last shopper` })
    found.push(...(await probeStock(admin, sale, shoppers.slice(everybody))))
    await waitForRest(admin, SALE, true, REST_TIMEOUT_MS)
    const rest_ms = Date.now()
    await lastPolls(shoppers)
    const { terms } = await readTerms(admin, SALE)
    return {
      sale,
      attempts: shoppers.flatMap((shopper) => shopper.attempts),
      orders: await readOrders(admin, SALE),
      terms,
      opened_ms,
      was_paused: world.was_paused,
      losses_ms: world.losses_ms,
      rest_ms,
      redis: await world.redis((redis) => readRedis(redis, sale)),
    }
  } finally {
    client.close()
  }
}

/** The last ones are for the probes: they live longer than the others. */
async function makeShoppers(
  admin: Admin,
  client: ShopClient,
  crowd: Random,
  everybody: number,
  probers: number,
): Promise<Shopper[]> {
  const { sessions } = await admin<{ sessions: { user: string; session: string }[] }>('POST', '/admin/demo-sessions', {
    count: everybody + probers,
  })
  return sessions.map(({ user, session }, index) => {
    const gives_up_ms = Date.now() + (index < everybody ? GIVE_UP_MS : PROBES_END_MS)
    return new Shopper(client, SALE, user, session, crowd.fork(), gives_up_ms)
  })
}

async function openSale(admin: Admin, rules: ReturnType<typeof saleRules>): Promise<void> {
  await admin('POST', '/admin/sales', {
    id: SALE,
    title: 'Spring',
    opens_at: new Date(Date.now() - 1000).toISOString(),
    closes_at: new Date(Date.now() + 3_600_000).toISOString(),
    skus: rules.skus.map((sku) => ({ ...sku, title: sku.sku, price: { amount_minor: 1500, currency: 'EUR' } })),
    sale_user_max: rules.sale_user_max,
    hold_s: HOLD_S,
    payment_extension_s: PAYMENT_EXTENSION_S,
  })
  await admin('POST', `/admin/sales/${SALE}/open`)
}

async function injectAll(world: World, faults: PlannedFault[], startWave: (wave: number) => void): Promise<void> {
  const start_ms = Date.now()
  for (const [wave, { fault, at_ms }] of faults.entries()) {
    await sleep(Math.max(0, start_ms + at_ms - Date.now()))
    world.say(`${((Date.now() - start_ms) / 1000).toFixed(1)} s ${fault.name}`)
    if (fault.needs_selling) await world.untilSelling()
    startWave(wave)
    await fault.inject(world)
  }
}

/** Every reservation that anybody was given is asked for once more: what is told now is what the shopper is left with. */
async function lastPolls(shoppers: Shopper[]): Promise<void> {
  for (const shopper of shoppers) {
    for (const attempt of shopper.attempts) {
      const ids = new Map(
        attempt.answers
          .filter((answer) => answer.ask === 'reserve' && answer.reservation !== '')
          .map((answer) => [bodyOf(answer.reservation), answer.reservation]),
      )
      for (const reservation of ids.values()) await shopper.pollToAnswer(attempt, reservation)
    }
  }
}

function countCodes(evidence: Evidence): Record<string, number> {
  const codes: Record<string, number> = {}
  for (const attempt of evidence.attempts) {
    for (const answer of attempt.answers) {
      if (answer.ask !== 'reserve') continue
      const name = answer.code === '' ? String(answer.http) : answer.code
      codes[name] = (codes[name] ?? 0) + 1
    }
  }
  return codes
}
