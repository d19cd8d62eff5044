// The stores of events of items, held against one another and against exact counts: Elasticsearch, PostgreSQL, PGlite.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVENT_AGENTS, type HotItemEvent } from '../../contract/hot-item-event'
import { type ElasticsearchForTests, elasticsearchForTests } from '../../scripts/engines/for-tests'
import { Random } from '../../scripts/random'
import { PgliteDb } from '../src/db/pglite'
import { PostgresDb } from '../src/db/postgres'
import { ElasticStore } from '../src/hot-items/elastic-store'
import { isKept, readEventText } from '../src/hot-items/event'
import { SqlStore } from '../src/hot-items/sql-store'
import type { Dimension, Filter, Group, HotItemStore, KeptEvent } from '../src/hot-items/store'
import { postgresAvailable, startTestPostgres } from './postgres'
import { until } from './world'

const SEED = Number(process.env['SEED'] ?? 20260310)
const EVENTS = 6_000
const ITEMS = 40
const FROM_MS = Date.parse('2026-03-10T22:30:00.000Z')
/** over midnight: two days */
const RANGE_MS = 3 * 3_600_000
const ALL: Filter = { from_ms: FROM_MS, to_ms: FROM_MS + RANGE_MS }

function keptOf(event: HotItemEvent): KeptEvent {
  const read = readEventText(Buffer.from(JSON.stringify(event)), { now_ms: Date.parse(event.actime), oldest_day: '' })
  if (!isKept(read)) throw new Error(read.reason)
  return read
}

/** Few addresses of many requests, an item that everybody wants, three workers of two gates. */
function crowd(): KeptEvent[] {
  const random = new Random(SEED)
  const pick = (count: number) => Math.floor(count * random.next() ** 2)
  const events: KeptEvent[] = []
  for (let i = 0; i < EVENTS; i++) {
    const worker = i % 3
    const at_ms = FROM_MS + Math.floor((i / EVENTS) * RANGE_MS)
    const address = pick(60)
    events.push(
      keptOf({
        uri: `/web/item/item-${i % ITEMS}`,
        ip: address === 59 ? '' : address % 7 === 0 ? `2001:db8::${address.toString(16)}` : `192.0.2.${address}`,
        token: address % 3 === 0 ? '' : `user-${address}`,
        actime: new Date(at_ms).toISOString(),
        sku: `item-${pick(ITEMS)}`,
        agent: EVENT_AGENTS[pick(EVENT_AGENTS.length)] as (typeof EVENT_AGENTS)[number],
        status: [200, 200, 404, 429, 503][pick(5)] as number,
        node: worker === 2 ? 'gate-2' : 'gate-1',
        worker: `00000000000000a${worker}`,
        seq: Math.floor(i / 3) + 1,
      }),
    )
  }
  return events
}

const EVENTS_SENT = crowd()
const FIELDS: Record<Dimension, keyof HotItemEvent> = {
  item: 'sku',
  ip: 'ip',
  agent: 'agent',
  status: 'status',
  node: 'node',
  token: 'token',
}

function matching(filter: Filter): HotItemEvent[] {
  return EVENTS_SENT.filter(({ at_ms }) => at_ms >= filter.from_ms && at_ms < filter.to_ms)
    .map(({ event }) => event)
    .filter((event) =>
      (Object.keys(FIELDS) as Dimension[]).every((name) => {
        const wanted = filter[name]
        if (wanted === undefined) return true
        const value = String(event[FIELDS[name]])
        return name === 'ip' && wanted === '192.0.2.0/28'
          ? /^192\.0\.2\.([0-9]|1[0-5])$/.test(value)
          : value === String(wanted)
      }),
    )
}

/** Addresses as numbers, IPv4 first. */
function orderOf(value: string): string {
  if (/^[\d.]+$/.test(value)) return value.replace(/\d+/g, (digits) => digits.padStart(3, '0'))
  return value.includes('::') ? `a${value.padStart(16)}` : value
}

function compare(a: Group, b: Group): number {
  if (a.requests !== b.requests) return b.requests - a.requests
  return orderOf(a.value) < orderOf(b.value) ? -1 : 1
}

function exact(filter: Filter, by: Dimension): Group[] {
  const counts = new Map<string, number>()
  for (const event of matching(filter)) {
    const value = String(event[FIELDS[by]])
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  if (by === 'ip') counts.delete('')
  return [...counts].map(([value, requests]) => ({ value, requests })).sort(compare)
}

interface Opened {
  store: HotItemStore
  close(): Promise<void>
  settle(): Promise<void>
}

/** Asks Elasticsearch to show what it has. */
async function elastic(): Promise<Opened> {
  const engine: ElasticsearchForTests = await elasticsearchForTests('hot-item-stores')
  const index = `${engine.prefix}hot_item`
  const store = new ElasticStore({ url: engine.url, index })
  return {
    store,
    close: async () => {
      await store.close()
      await engine.close()
    },
    settle: async () => {
      await fetch(`${engine.url}/${index}/_refresh`, { method: 'POST' })
    },
  }
}

async function postgres(): Promise<Opened> {
  const server = await startTestPostgres()
  const database_url = await server.createDatabase('hot_items')
  const store = new SqlStore('postgres', async () => new PostgresDb({ database_url, connections_max: 4 }))
  const close = async () => {
    await store.close()
    await server.stop()
  }
  return { store, close, settle: async () => undefined }
}

async function pglite(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'rushgate-hot-items-'))
  const store = new SqlStore('pglite', () => PgliteDb.open(folder))
  const close = async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { store, close, settle: async () => undefined }
}

const STORES = [
  { name: 'Elasticsearch', open: elastic, skipped: false },
  { name: 'PostgreSQL', open: postgres, skipped: !postgresAvailable },
  { name: 'PGlite', open: pglite, skipped: false },
]

describe.each(STORES.filter(({ skipped }) => !skipped))(`events of items in $name (seed ${SEED})`, ({ open }) => {
  let opened: Opened
  let store: HotItemStore

  beforeAll(async () => {
    opened = await open()
    store = opened.store
    await store.prepare()
    for (let i = 0; i < EVENTS; i += 2000) {
      const outcome = await store.write(EVENTS_SENT.slice(i, i + 2000))
      expect(outcome).toEqual({ indexed: 2000, duplicates: 0, rejected: [], again: [] })
    }
    await opened.settle()
  })

  afterAll(() => opened?.close())

  test('delivered again, they change nothing', async () => {
    const again = EVENTS_SENT.slice(100, 400)
    expect(await store.write(again)).toEqual({ indexed: 0, duplicates: 300, rejected: [], again: [] })
    await opened.settle()
    expect(await store.count(ALL)).toBe(EVENTS)
  })

  test('are counted by every dimension', async () => {
    for (const by of Object.keys(FIELDS) as Dimension[]) {
      const groups = await store.groups(ALL, by, 100)
      expect(groups, by).toEqual({ total: EVENTS, groups: exact(ALL, by), error_max: 0 })
    }
    const top = await store.groups(ALL, 'item', 5)
    expect(top.groups).toEqual(exact(ALL, 'item').slice(0, 5))
  })

  test('are counted under filters, one, several and of a network', async () => {
    const filters: Filter[] = [
      { ...ALL, from_ms: FROM_MS + 5_000_000, to_ms: FROM_MS + 5_600_000 },
      { ...ALL, item: 'item-0', agent: 'chromium' },
      { ...ALL, ip: '192.0.2.1', status: 200 },
      { ...ALL, ip: '2001:db8::7' },
      { ...ALL, ip: '192.0.2.0/28', node: 'gate-2' },
      { ...ALL, token: 'user-1' },
      { ...ALL, item: 'none' },
    ]
    for (const filter of filters) {
      const what = JSON.stringify(filter)
      expect(await store.count(filter), what).toBe(matching(filter).length)
      expect((await store.groups(filter, 'item', 100)).groups, what).toEqual(exact(filter, 'item'))
      expect((await store.groups(filter, 'ip', 100)).groups, what).toEqual(exact(filter, 'ip'))
    }
    expect(matching(filters[4] as Filter).length).toBeGreaterThan(50)
  })

  test('give the top items of each minute', async () => {
    const filter = { from_ms: FROM_MS + 5_370_000, to_ms: FROM_MS + 5_700_000 }
    const minutes = await store.minutes(filter, 3)
    expect(minutes).toHaveLength(6)
    for (const { at_ms, requests, items } of minutes) {
      const minute = { from_ms: Math.max(at_ms, filter.from_ms), to_ms: Math.min(at_ms + 60_000, filter.to_ms) }
      expect(at_ms % 60_000).toBe(0)
      expect(requests).toBe(matching(minute).length)
      expect(items).toEqual(exact(minute, 'item').slice(0, 3))
    }
  })

  test('give an item its timeline', async () => {
    const filter = { ...ALL, item: 'item-0' }
    const buckets = await store.timeline(filter, 600_000)
    expect(buckets.reduce((sum, { requests }) => sum + requests, 0)).toBe(matching(filter).length)
    for (const { at_ms, requests } of buckets) {
      const bucket = { ...filter, from_ms: at_ms, to_ms: at_ms + 600_000 }
      expect(requests).toBe(matching(bucket).length)
    }
  })

  test('say by their numbers which are missing', async () => {
    const whole = (await store.sequences(ALL, 10)).sort((a, b) => (a.worker < b.worker ? -1 : 1))
    const each = EVENTS / 3
    expect(whole).toEqual([
      { node: 'gate-1', worker: '00000000000000a0', first: 1, last: each, found: each },
      { node: 'gate-1', worker: '00000000000000a1', first: 1, last: each, found: each },
      { node: 'gate-2', worker: '00000000000000a2', first: 1, last: each, found: each },
    ])
    const [with_gaps] = await store.sequences({ ...ALL, item: 'item-0', node: 'gate-2' }, 10)
    const numbers = matching({ ...ALL, item: 'item-0', node: 'gate-2' }).map(({ seq }) => seq)
    expect(with_gaps).toMatchObject({ first: numbers[0], last: numbers.at(-1), found: numbers.length })
  })

  test('come back as they were sent, the newest first', async () => {
    const latest = await store.latest(ALL, 50)
    expect(latest).toEqual(EVENTS_SENT.slice(-50).reverse())
    const nowhere = EVENTS_SENT.filter(({ event }) => event.ip === '')
    expect(nowhere.length).toBeGreaterThan(0)
    const { at_ms, event } = nowhere[0] as KeptEvent
    const found = await store.latest({ from_ms: at_ms, to_ms: at_ms + 1 }, 10)
    expect(found.map((kept) => kept.event)).toContainEqual(event)
  })

  test('are deleted by whole days, and a day that is gone can come again', async () => {
    const midnight_ms = Date.parse('2026-03-11T00:00:00.000Z')
    const before = EVENTS_SENT.filter(({ at_ms }) => at_ms < midnight_ms)
    expect(await store.deleteBefore('2026.03.10')).toEqual([])
    expect(await store.deleteBefore('2026.03.11')).toEqual(['2026.03.10'])
    await until('the rest is there', async () => (await store.count(ALL)) === EVENTS - before.length)
    const outcome = await store.write(before)
    expect(outcome).toMatchObject({ indexed: before.length, again: [] })
    await opened.settle()
    expect(await store.count(ALL)).toBe(EVENTS)
  })
})
