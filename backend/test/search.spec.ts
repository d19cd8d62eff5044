// Search: every engine is asked the same and must answer the same. And what becomes of it when Elasticsearch is away, when an index
// is made anew while products change, and when too many search at once.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoProducts } from '../../scripts/demo-products'
import { type ElasticsearchForTests, elasticsearchForTests } from '../../scripts/engines/for-tests'
import type { Postgres } from '../../scripts/postgres'
import { isDue } from '../src/catalogue/search/index-keeper'
import { Cable } from './cable'
import { postgresAvailable, startTestPostgres } from './postgres'
import { until, World } from './world'

/** Query, and the ids that must come first in this order; a total where it is certain. */
const FIRST: [query: string, first: string[], total?: number][] = [
  // the whole word in a title beats it in an attribute or a text; the shorter title is first
  ['q=lamp', ['lamp-clip', 'lamp', 'lamp-floor', 'lamp-table', 'lamp-oil']],
  ['q=Lámp', ['lamp-clip', 'lamp']],
  ['q=brass+lamp', ['lamp'], 1],
  ['q=lamp+brass+desk', ['lamp']],
  // typing errors: swapped, left out, doubled, changed; two of them in a long word
  ['q=lmap', ['lamp-clip', 'lamp']],
  ['q=lammp', ['lamp-clip', 'lamp']],
  ['q=bycicle', ['bicycle-bell', 'bicycle', 'bicycle-bag']],
  ['q=blnaket', ['blanket', 'blanket-picnic']],
  ['q=psoters', ['poster-frame', 'poster']],
  ['q=ehzsspresso', [], 0],
  // the beginning of a word
  ['q=esp', ['cup-espresso'], 1],
  ['q=note', ['notebook']],
  // one of three words may be missing, one of two may not
  ['q=oak+wall+elephant', ['clock']],
  ['q=oak+elephant', [], 0],
  // marks and capitals do not matter
  ['q=cafe', ['coffee-pot']],
  ['q=BRULEE', ['coffee-pot'], 1],
  // an attribute's value, and an id
  ['q=stoneware', ['cup']],
  ['q=mug-camp', ['mug-camp']],
  ['q=%21%3F', [], 0],
  // everything, in order
  ['sort=title', ['clock-alarm', 'armchair', 'atlas'], demoProducts().length],
  ['sort=price&size=3', ['lamp-oil', 'record-brush', 'notebook']],
  ['sort=-price&size=2', ['bicycle', 'armchair']],
  // filters: one of the values of a name, and every name
  ['q=lamp&attr=material:steel', ['lamp-clip', 'lamp-floor']],
  ['attr=material:oak&attr=room:kitchen&sort=title', ['board', 'stool', 'clock'], 3],
  ['attr=material:oak&attr=material:ash&attr=room:kitchen&sort=title', ['chair', 'board', 'stool', 'clock'], 4],
  ['attr=material:unobtainium', [], 0],
  ['q=lamp&currency=EUR&price_max=2400&sort=price', ['lamp-oil', 'lamp-clip']],
  ['currency=EUR&price_min=39900&price_max=89900&sort=price', ['armchair', 'bicycle'], 2],
  ['currency=USD', [], 0],
  // sales
  ['on_sale=1&sort=title', ['poster', 'record'], 2],
  ['in_stock=1', ['record'], 1],
  ['q=poster&on_sale=1', ['poster'], 1],
]

const SALE = {
  opens_at: '2020-01-01T00:00:00.000Z',
  closes_at: '2099-01-01T00:00:00.000Z',
  skus: ['poster', 'record'].map((sku, i) => ({
    sku,
    title: sku,
    price: { amount_minor: 100, currency: 'EUR' },
    total: 1 + 9 * i,
    user_max: 2,
  })),
}

type Item = { id: string; title: string; in_stock?: boolean; on_sale: boolean }

const idsOf = (body: { items: Item[] }) => body.items.map(({ id }) => id)

async function fill(world: World): Promise<void> {
  await world.admin('POST', '/admin/products', { products: demoProducts() })
  const sale = await world.openSale('now', SALE)
  // the only poster is taken, so it is on sale and not in stock
  await world.reserve(sale, 'ann', 'key-of-ann-1234', 1, 'poster')
}

async function inStep(world: World, engine: string): Promise<void> {
  await until(
    `${engine} has everything`,
    async () => {
      const { body } = await world.admin('GET', '/admin/catalogue/index')
      const index = body.indexes.find((each: { engine: string }) => each.engine === engine)
      return index?.version === body.version && index.building === undefined
    },
    60_000,
  )
}

let server: Postgres | undefined
beforeAll(async () => {
  if (postgresAvailable) server = await startTestPostgres()
})
afterAll(() => server?.stop())

for (const kind of ['pglite', 'postgres', 'elasticsearch'] as const) {
  describe.skipIf(kind === 'postgres' && !postgresAvailable)(`search in ${kind}`, () => {
    const engine = kind === 'elasticsearch' ? kind : 'sql'
    let elastic: ElasticsearchForTests | undefined
    let world: World
    beforeAll(async () => {
      if (kind === 'elasticsearch') elastic = await elasticsearchForTests('search-first')
      const environment: Record<string, string> =
        elastic === undefined ? {} : { ELASTICSEARCH_URL: elastic.url, ELASTICSEARCH_INDEX_PREFIX: elastic.prefix }
      const database_url = kind === 'pglite' ? undefined : await server?.createDatabase(`search_${kind}`)
      world = await World.start({ ledger: 'pglite', database_url, environment })
      await fill(world)
      await inStep(world, engine)
    })
    afterAll(async () => {
      await world?.stop()
      await elastic?.close()
    })

    test('finds first what was meant', async () => {
      await until('the index is searched', async () => (await world.call('GET', '/search')).body.total > 40)
      const wrong: unknown[] = []
      for (const [query, first, total] of FIRST) {
        const { status, body } = await world.call('GET', `/search?${query}`)
        const got = [status, idsOf(body).slice(0, Math.max(1, first.length)), body.total]
        const want = [200, first, total ?? body.total]
        if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push({ query, got, want })
        if (body.total > 0) expect([query, body.engine, body.fallback]).toEqual([query, engine, undefined])
      }
      expect(wrong).toEqual([])
    })

    test('counts attributes, turns pages, and says what can be bought', async () => {
      const { body } = await world.call('GET', '/search?q=lamp&size=2&page=2')
      expect(idsOf(body)).toEqual(['lamp-floor', 'lamp-table'])
      expect(body).toMatchObject({ page: 2, pages: Math.ceil(body.total / 2) })
      expect(body.facets[0]).toEqual({ name: 'kind', value: 'lamp', count: 5 })
      const [record] = (await world.call('GET', '/search?q=live+record')).body.items
      expect(record).toMatchObject({ id: 'record', on_sale: true, in_stock: true, offers: [{ sale: 'now' }] })
      const [poster] = (await world.call('GET', '/search?q=concert')).body.items
      expect(poster).toMatchObject({ id: 'poster', on_sale: true, in_stock: false })
      expect(poster.summary).toContain('Offset print')
    })

    test('follows every change', async () => {
      const elephant = { ...demoProducts()[0], title: 'Elephant, tin', id: undefined }
      const search = async () => idsOf((await world.call('GET', '/search?q=elephant')).body)
      await world.admin('PUT', '/admin/products/toy', elephant)
      await until('it is found', async () => (await search()).join() === 'toy')
      await world.admin('PUT', '/admin/products/toy', { ...elephant, title: 'Giraffe, tin' })
      await until('it is not found by its old name', async () => (await search()).length === 0)
      await world.admin('PUT', '/admin/products/toy', elephant)
      await world.admin('DELETE', '/admin/products/toy')
      await until('it is gone', async () => (await search()).length === 0)
    })

    test('is made anew when asked, and loses nothing that changes meanwhile', async () => {
      const many = Array.from({ length: 200 }, (_, i) => ({
        ...demoProducts()[0],
        id: `many-${i}`,
        title: `Widget number ${i}`,
        text: '',
      }))
      await world.admin('POST', '/admin/products', { products: many })
      await inStep(world, engine)
      const built = async () =>
        (await world.admin('GET', '/admin/catalogue/index')).body.indexes.find(
          (each: { engine: string }) => each.engine === engine,
        ).built_at
      const before = await built()
      expect((await world.admin('POST', '/admin/catalogue/reindex')).status).toBe(202)
      for (let i = 0; i < 8; i++) {
        await world.admin('PUT', `/admin/products/many-${i * 20}`, { ...many[0], id: undefined, title: `Gadget ${i}` })
        const { body } = await world.call('GET', '/search?q=widget&size=1')
        expect(body.total + i).toBeGreaterThanOrEqual(199)
      }
      await world.admin('DELETE', '/admin/products/many-199')
      await until('it was made anew', async () => (await built()) > before)
      await inStep(world, engine)
      await until('everything is found', async () => {
        const widgets = (await world.call('GET', '/search?q=widget')).body.total
        return widgets === 191 && (await world.call('GET', '/search?q=gadget')).body.total === 8
      })
    })

    test('refuses what it does not understand, naming the parameter', async () => {
      const wrong: [query: string, parameter: string][] = [
        [`q=${'x'.repeat(201)}`, 'q'],
        ['q=a%00b', 'q'],
        ['q=a&q=b', 'q'],
        ['attr=colour', 'attr.0'],
        [Array.from({ length: 11 }, (_, i) => `attr=a:${i}`).join('&'), 'attr'],
        ['price_min=1', 'currency'],
        ['currency=EUR&price_min=-1', 'price_min'],
        ['currency=EUR&price_max=1.5', 'price_max'],
        ['currency=eur', 'currency'],
        ['page=0', 'page'],
        ['page=501', 'page'],
        ['size=61', 'size'],
        ['sort=best', 'sort'],
        ['in_stock=yes', 'in_stock'],
        ['colour=red', 'colour'],
      ]
      for (const [query, parameter] of wrong) {
        const { status, body } = await world.call('GET', `/search?${query}`)
        expect([query, status, body.detail?.split(':')[0]]).toEqual([query, 400, parameter])
      }
      expect((await world.call('GET', '/search?q=&currency=&price_min=&attr=&sort=&page=')).status).toBe(200)
      expect((await world.call('POST', '/search')).headers.get('allow')).toBe('GET, HEAD')
      expect((await world.call('POST', '/admin/catalogue/reindex')).status).toBe(401)
    })
  })
}

describe('while Elasticsearch is away', () => {
  let elastic: ElasticsearchForTests
  let cable: Cable
  let world: World
  beforeAll(async () => {
    elastic = await elasticsearchForTests('search-away')
    cable = await Cable.to(elastic.url)
    const environment = { ELASTICSEARCH_URL: cable.url, ELASTICSEARCH_INDEX_PREFIX: elastic.prefix }
    const database_url = await server?.createDatabase('search_away')
    world = await World.start({ ledger: 'pglite', database_url, environment })
    await fill(world)
    await inStep(world, 'elasticsearch')
  })
  afterAll(async () => {
    await world?.stop()
    await cable?.remove()
    await elastic?.close()
  })
  const answeredBy = async (engine: string) => {
    const { status, body } = await world.call('GET', '/search?q=lamp')
    return status === 200 && body.engine === engine && (body.fallback === true) === (engine === 'sql')
  }

  test('the database answers and says so; what changed meanwhile is there afterwards', async () => {
    await until('Elasticsearch answers', () => answeredBy('elasticsearch'))
    for (const how of ['cut', 'hang'] as const) {
      cable[how]()
      await until(`the database answers (${how})`, () => answeredBy('sql'))
      // the breaker is open by then: nobody waits for Elasticsearch's time-out
      for (let i = 0; i < 5; i++) await world.call('GET', '/search?q=lamp')
      const started = performance.now()
      for (let i = 0; i < 5; i++) expect(await answeredBy('sql')).toBe(true)
      expect(performance.now() - started).toBeLessThan(5000)
      const before = (await world.call('GET', '/search?q=lamp')).body
      expect(idsOf(before).slice(0, 2)).toEqual(['lamp-clip', 'lamp'])
      const product = { ...demoProducts()[0], id: undefined, title: `Zeppelin ${how}` }
      expect((await world.admin('PUT', `/admin/products/zeppelin-${how}`, product)).status).toBe(201)
      expect((await world.call('GET', `/item/zeppelin-${how}`)).status).toBe(200)
      const view = await world.admin('GET', '/admin/catalogue/index')
      expect(view.body.indexes[1].failed).toBeTypeOf('string')
      cable.mend()
      await until(
        'Elasticsearch answers again, with the change',
        async () => {
          const { body } = await world.call('GET', `/search?q=zeppelin+${how}`)
          return body.engine === 'elasticsearch' && body.total === 1
        },
        30_000,
      )
    }
  })

  test('an index that somebody has removed is made anew', async () => {
    const aliases = await (await fetch(`${elastic.url}/_alias/${elastic.prefix}products`)).json()
    const [index] = Object.keys(aliases as object)
    expect(index).toMatch(new RegExp(`^${elastic.prefix}products-`))
    await fetch(`${elastic.url}/${index}`, { method: 'DELETE' })
    await until('the database answers', () => answeredBy('sql'))
    await until('there is an index again', () => answeredBy('elasticsearch'), 30_000)
  })

  test('an older write never overwrites a newer one, nor does half a build come into use', async () => {
    const alias = `${elastic.prefix}products`
    const half = `${alias}-1-half`
    await fetch(`${elastic.url}/${half}`, { method: 'PUT' })
    const late = await fetch(`${elastic.url}/${alias}/_doc/lamp?version=1&version_type=external`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'lamp', words_title: ['old'] }),
    })
    expect(late.status).toBe(409)
    await world.admin('POST', '/admin/catalogue/reindex')
    await until(
      'what was left over is gone',
      async () => (await fetch(`${elastic.url}/${half}`)).status === 404,
      30_000,
    )
    await until(
      'one index is left',
      async () => {
        const all = (await (await fetch(`${elastic.url}/_resolve/index/${alias}*`)).json()) as { indices: unknown[] }
        return all.indices.length === 1 && (await answeredBy('elasticsearch'))
      },
      30_000,
    )
  })
})

test('the hours of low traffic', () => {
  const at = (hour: number) => Date.UTC(2030, 0, 2, hour, 30)
  const night = { from: 22, to: 4 }
  expect([21, 22, 23, 0, 3, 4].map((hour) => isDue(night, at(hour), 0))).toEqual([false, true, true, true, true, false])
  expect([2, 3, 4, 5].map((hour) => isDue({ from: 3, to: 5 }, at(hour), 0))).toEqual([false, true, true, false])
  expect(isDue({ from: 3, to: 5 }, at(4), at(3))).toBe(false)
  expect(isDue({ from: 3, to: 5 }, at(28), at(4))).toBe(true)
  expect(isDue(undefined, at(4), 0)).toBe(false)
})
