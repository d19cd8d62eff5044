// A lane's life: killed by a Lua error, cut off by a slow Redis, at the exit of its worker. Nobody gets another's answer.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type DemoSession, type Shop, sleep, startShop, until } from './shop'

// An operator's plugin in plain Lua, which hands the lane an item that is no text: the lane's thread raises on it.
const SABOTAGE = `
return {
  name = "sabotage", version = "0.1.0", priority = 1500, routes = { "reserve" }, fails = "closed",
  schema = { kind = "object", description = "Kills lanes.", members = {}, names = {} },
  create = function(config, ports)
    return {
      access = function(request)
        if ports.http.header("x_sabotage") == nil then return nil end
        local known = ports.sales.find(request.route.subject)
        local result = ports.lane.lookup(known.sale, 0, {})
        return { kind = "answer", status = 299, content_type = "text/plain", body = tostring(result.failure) }
      end,
    }
  end,
}
`

const CONFIG = {
  version: 1,
  routes: {
    state: { plugins: ['sale-state'] },
    reserve: { plugins: ['session', 'sabotage', 'reservation'] },
    reservation: { plugins: ['session', 'reservation-status'] },
  },
  // longer than a machine stands still: what a reload is asked is answered in this time
  lane: { reply_ms_max: 2000, wait_ms_max: 4000 },
}

let shop: Shop
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rushgate-plugins-'))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'sabotage.lua'), SABOTAGE)
  const config = join(folder, 'rushgate.json')
  writeFileSync(config, JSON.stringify(CONFIG))
  // LUA_PATH ends in ;; so that nginx's own lua_package_path stays
  shop = await startShop({
    workers: 2,
    config,
    env: { RUSHGATE_PLUGINS: 'sabotage', RUSHGATE_PLUGIN_PATH: `${folder}/?.lua` },
  })
})

afterAll(async () => {
  await shop.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Every 202 is the asker's own: its owner can poll it, and the ledger has it under their name. */
async function expectOwn(sale: string, sessions: DemoSession[], answers: (Answer | undefined)[]): Promise<void> {
  const seen = new Set<unknown>()
  for (const [index, answer] of answers.entries()) {
    if (answer?.status !== 202) continue
    const id = String(answer.body.reservation)
    expect(seen.has(id)).toBe(false)
    seen.add(id)
    const own = sessions[index] as DemoSession
    let polled = await shop.get(`/reservations/${id}`, own.session)
    for (let tries = 0; polled.status === 503 && tries < 40; tries++) {
      await sleep(100)
      polled = await shop.get(`/reservations/${id}`, own.session)
    }
    expect([id, polled.status]).toEqual([id, 200])
  }
  const users = new Map<string, string>()
  await until(async () => {
    const page = await shop.stack.admin<{ orders: { reservation?: string; body?: string; user: string }[] }>(
      'GET',
      `/admin/sales/${sale}/orders?limit=1000`,
    )
    for (const order of page.orders) users.set(String(order.reservation ?? order.body), order.user)
    return users.size >= seen.size
  })
  for (const [index, answer] of answers.entries()) {
    if (answer?.status !== 202) continue
    const body = String(answer.body.reservation).split('.')[3] ?? ''
    const user = [...users].find(([reservation]) => reservation.includes(body))?.[1]
    expect(user).toBe(sessions[index]?.user)
  }
}

describe('a lane killed by a planted Lua error', () => {
  it('is started again; those in it learn that their outcome is unknown, and a retry tells them', async () => {
    const count = 120
    await shop.open('planted', { total: 200, user_max: 1 })
    const sessions = await shop.sessions(count, 'planted')
    const saboteur = (await shop.sessions(1, 'saboteur'))[0]?.session ?? ''
    const buying = sessions.map((each, index) => shop.buyForSure('planted', each.session, `planted-${index}`))
    const kills = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await sleep(index * 15)
        return shop.buy('planted', saboteur, `kill-${index}`, 1, { 'x-sabotage': '1' })
      }),
    )
    for (const kill of kills) expect([299, 503]).toContain(kill.status)
    const answers = await Promise.all(buying)
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: count }, () => 202))
    await expectOwn('planted', sessions, answers)
    await until(async () => (await shop.metric('rushgate_lane_restarts_total')) >= 1)
    expect(shop.stack.error_log()).toContain('lane: started again after: ')
  })
})

describe('a Redis that is too slow', () => {
  it('shifts nothing: late replies reach nobody, a retry gets the own reservation', async () => {
    const count = 100
    await shop.open('slow', { total: 200, user_max: 1 })
    const sessions = await shop.sessions(count, 'slow')
    const buying = sessions.map(async (each, index) => {
      await sleep(index * 8)
      return shop.buyForSure('slow', each.session, `slow-${index}`)
    })
    await sleep(200)
    shop.stack.redis.kill('SIGSTOP')
    await sleep(3000)
    shop.stack.redis.kill('SIGCONT')
    const answers = await Promise.all(buying)
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: count }, () => 202))
    await expectOwn('slow', sessions, answers)
  })
})

describe('a worker that exits with requests in progress', () => {
  it('answers them all on a reload', async () => {
    const count = 300
    await shop.open('reload', { total: 400, user_max: 1 })
    const sessions = await shop.sessions(count, 'reload')
    const failures: unknown[] = []
    const buying = sessions.map(async (each, index) => {
      await sleep(index * 4)
      // a request on an idle connection that an old worker closes may be repeated, as HTTP allows: once for each reload
      const once = () => shop.buy('reload', each.session, `reload-${index}`)
      return once()
        .catch(() => once())
        .catch(() => once())
        .catch((error: unknown) => {
          failures.push(error)
          return undefined
        })
    })
    await sleep(300)
    await shop.stack.gate.reload()
    await sleep(200)
    await shop.stack.gate.reload()
    const answers = await Promise.all(buying)
    expect(failures).toEqual([])
    expect(answers.map((answer) => answer?.status)).toEqual(Array.from({ length: count }, () => 202))
    await expectOwn('reload', sessions, answers)
  })

  it('gone with kill -9, leaves a retry to get the same reservation from another', async () => {
    const count = 100
    await shop.open('killed', { total: 200, user_max: 1 })
    const sessions = await shop.sessions(count, 'killed')
    const buying = sessions.map(async (each, index) => {
      await sleep(index * 6)
      return shop.buyForSure('killed', each.session, `killed-${index}`)
    })
    for (let kill = 0; kill < 3; kill++) {
      await sleep(150)
      const victim = shop.stack.gate.workers()[kill % 2]
      if (victim !== undefined) process.kill(victim, 'SIGKILL')
    }
    const answers = await Promise.all(buying)
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: count }, () => 202))
    await expectOwn('killed', sessions, answers)
    const ledger = await shop.stack.admin<{ skus: Record<string, number>[]; balanced: boolean }>(
      'GET',
      '/admin/sales/killed/ledger',
    )
    expect(ledger.balanced).toBe(true)
    expect(ledger.skus[0]?.confirmed).toBe(count)
  })
})
