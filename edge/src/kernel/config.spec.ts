import { describe, expect, it } from 'vitest'
import type { RouteName } from '../domain/route'
import { readConfig, runsOn } from './config'
import { integer, object } from './schema'

const EVERYWHERE: RouteName[] = ['reserve', 'state']

const PLUGINS = [
  { name: 'session', schema: object('Who is it?', {}) },
  {
    name: 'reservation',
    schema: object('Sells.', {
      poll_ms: integer({ min: 100, max: 10000, unit: 'ms', default: 3000, description: 'Told to shoppers.' }),
    }),
  },
]

function problemsOf(value: unknown): string[] {
  return readConfig(value, PLUGINS).problems
}

describe('rushgate.json', () => {
  it('needs no more than its version', () => {
    const reading = readConfig({ version: 1 }, PLUGINS)
    expect(reading.problems).toEqual([])
    expect(reading.config.plugins).toEqual({
      session: { dry_run: false },
      reservation: { dry_run: false, poll_ms: 3000 },
    })
    expect(reading.config.lane).toEqual({
      batch_max: 255,
      queue_max: 10000,
      wait_ms_max: 3000,
      connect_ms_max: 500,
      reply_ms_max: 2000,
    })
  })

  it('switches plugins by route, and each to a dry run', () => {
    const { config, problems } = readConfig(
      {
        version: 1,
        routes: { reserve: { plugins: ['reservation'] } },
        plugins: { session: { dry_run: true } },
      },
      PLUGINS,
    )
    expect(problems).toEqual([])
    expect(runsOn(config, 'reserve', { name: 'reservation', routes: [] })).toBe(true)
    expect(runsOn(config, 'reserve', { name: 'session', routes: EVERYWHERE })).toBe(false)
    expect(runsOn(config, 'state', { name: 'session', routes: EVERYWHERE })).toBe(true)
    expect(runsOn(config, 'pay', { name: 'session', routes: EVERYWHERE })).toBe(false)
    expect(config.plugins['session']).toEqual({ dry_run: true })
  })

  it('has every problem named', () => {
    expect(
      problemsOf({
        version: 2,
        routes: { reserve: { plugins: ['session', 'session'] }, checkout: { plugins: [] }, pay: { plugins: ['waf'] } },
        plugins: { reservation: { poll_ms: 1, dry_run: 'yes' }, waf: {} },
        lane: { batch_max: 257, batchmax: 1 },
        clients: { trusted_proxies: ['10.0.0.0/8', '10.0.0.1/8'] },
        extra: 1,
      }),
    ).toEqual([
      'clients.trusted_proxies[1]: must be an address or a network like "10.0.0.0/8", without bits past its prefix, got "10.0.0.1/8"',
      'lane.batch_max: must be a whole number from 1 to 255 (reservations), got 257',
      'lane.batchmax: must not be here: known are "batch_max", "connect_ms_max", "queue_max", "reply_ms_max", "wait_ms_max", got 1',
      'plugins.reservation.dry_run: must be true or false, got "yes"',
      'plugins.reservation.poll_ms: must be a whole number from 100 to 10000 (ms), got 1',
      'plugins.waf: must not be here: known are "reservation", "session", got an object',
      'routes.checkout: must not be here: known are "cart", "challenge", "draw", "forget_history", "give_back", "history", "item", "login", "logout", "pay", "reservation", "reserve", "sales", "sandbox", "search", "state", "take_ticket", "ticket", "trap", "visit", "webhook", got an object',
      'routes.pay.plugins[0]: must be one of "session", "reservation", got "waf"',
      'routes.reserve.plugins[1]: must not be named twice, got "session"',
      'version: must be 1, got 2',
      'extra: must not be here: known are "$schema", "clients", "degrade", "events", "lane", "plugins", "routes", "version", "volatile_lane", got 1',
    ])
  })
})
