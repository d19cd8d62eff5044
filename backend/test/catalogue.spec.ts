// The catalogue: what the operator may write, what is kept and shown of it, and what those learn who follow its changes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Postgres } from '../../scripts/postgres'
import type { Catalogue, CatalogueChanges } from '../src/catalogue/catalogue'
import { Products } from '../src/catalogue/products'
import type { Db } from '../src/db/db'
import { postgresAvailable, startTestPostgres } from './postgres'
import { saleBody, until, World } from './world'

const LAMP = {
  title: 'Desk lamp <brass> & "glass"',
  text: 'Turns, tilts.\nTwo lines.',
  picture: '/pictures/lamp.svg',
  price: { amount_minor: 7900, currency: 'EUR' },
  attributes: { colour: 'brass', room: 'study' },
}

async function changesOf(catalogue: Catalogue, after: number): Promise<CatalogueChanges> {
  let changes: CatalogueChanges | undefined
  await until('the catalogue has told of it', async () => {
    changes = await catalogue.changesAfter(after)
    return changes !== undefined && (changes.restart || changes.changes.length > 0)
  })
  return changes as CatalogueChanges
}

for (const kind of ['pglite', 'postgres'] as const) {
  describe.skipIf(kind === 'postgres' && !postgresAvailable)(`the catalogue on ${kind}`, () => {
    let server: Postgres | undefined
    let world: World
    let catalogue: Catalogue
    beforeAll(async () => {
      if (kind === 'postgres') server = await startTestPostgres()
      world = await World.start(kind === 'pglite' ? { ledger: kind } : { database_url: server?.url })
      catalogue = world.backend.catalogue as Catalogue
    })
    afterAll(async () => {
      await world?.stop()
      await server?.stop()
    })

    test('keeps a product, and shows it as a page and as JSON', async () => {
      const made = await world.admin('PUT', '/admin/products/lamp', LAMP)
      expect(made.status).toBe(201)
      expect(made.body).toMatchObject({ id: 'lamp', ...LAMP, offers: [] })
      const again = await world.admin('PUT', '/admin/products/lamp', LAMP)
      expect([again.status, again.body.version]).toEqual([200, made.body.version])

      const json = await world.call('GET', '/items/lamp')
      expect(json.body).toEqual(made.body)
      const page = await world.call('GET', '/item/lamp')
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(page.body).toContain('<h1>Desk lamp &#60;brass&#62; &#38; &#34;glass&#34;</h1>')
      expect(page.body).toContain('€79.00')
      expect(page.body).toContain('<p>Two lines.</p>')
      expect(page.body).not.toMatch(/<script(?! type="module" src="\/visit.js">)|style=|<brass>/)
      const tag = page.headers.get('etag') as string
      expect((await world.call('GET', '/item/lamp', { headers: { 'if-none-match': tag } })).status).toBe(304)
      const changed = await world.admin('PUT', '/admin/products/lamp', { ...LAMP, title: 'Desk lamp' })
      expect(changed.body.version).toBeGreaterThan(made.body.version)
      expect((await world.call('GET', '/item/lamp', { headers: { 'if-none-match': tag } })).status).toBe(200)
    })

    test('refuses what it cannot keep, naming the field', async () => {
      const wrong: [change: Record<string, unknown>, field: string][] = [
        [{ title: '' }, 'title'],
        [{ title: 'a\u0000b' }, 'title'],
        [{ text: 'a\u0000b' }, 'text'],
        [{ picture: 'https://elsewhere.example/x.svg' }, 'picture'],
        [{ picture: '//elsewhere.example/x.svg' }, 'picture'],
        [{ picture: '/pictures/../x.svg' }, 'picture'],
        [{ price: { amount_minor: -1, currency: 'EUR' } }, 'price.amount_minor'],
        [{ price: { amount_minor: 1.5, currency: 'EUR' } }, 'price.amount_minor'],
        [{ price: { amount_minor: 1, currency: 'euro' } }, 'price.currency'],
        [{ attributes: { 'no no': 'x' } }, 'attributes.no no'],
        [{ attributes: { colour: 3 } }, 'attributes.colour'],
        [{ stock: 3 }, 'stock'],
      ]
      for (const [change, field] of wrong) {
        const reply = await world.admin('PUT', '/admin/products/wrong', { ...LAMP, ...change })
        expect([reply.status, reply.body.detail.split(':')[0]]).toEqual([400, field])
      }
      const twice = { products: ['a', 'a'].map((id) => ({ id, ...LAMP })) }
      expect((await world.admin('POST', '/admin/products', twice)).body.detail).toContain('products:')
      for (const path of ['/item/wrong', '/items/wrong', '/item/No', '/admin/products/wrong']) {
        expect((await world.admin('GET', path)).status, path).toBe(404)
      }
      expect((await world.call('PUT', '/admin/products/x', { body: LAMP })).status).toBe(401)
      expect((await world.call('POST', '/item/lamp')).headers.get('allow')).toBe('GET, HEAD')
    })

    test('takes many at once, all or none, and lists them', async () => {
      const products = Array.from({ length: 500 }, (_, i) => ({ id: `bulk-${String(i).padStart(3, '0')}`, ...LAMP }))
      const [first] = products
      expect((await world.admin('POST', '/admin/products', { products })).body).toMatchObject({ made: 500 })
      const later = [{ ...first, title: 'Other' }, ...products.slice(1)]
      const counts = { made: 0, changed: 1, unchanged: 499 }
      expect((await world.admin('POST', '/admin/products', { products: later })).body).toEqual(counts)
      const page = (await world.admin('GET', '/admin/products?limit=2&after=bulk-498')).body
      expect(page.products.map(({ id }: { id: string }) => id)).toEqual(['bulk-499', 'lamp'])
      expect(page.next).toBe('lamp')
      const too_many = { products: [...products, { id: 'bulk-500', ...LAMP }] }
      expect((await world.admin('POST', '/admin/products', too_many)).status).toBe(400)
      expect((await world.call('GET', '/item/bulk-500')).status).toBe(404)
    })

    test('tells all ids, and afterwards what has changed since', async () => {
      const { version, ids } = await catalogue.ids()
      expect(ids).toEqual([...ids].sort())
      expect(ids).toContain('lamp')
      const waiting = catalogue.follow({ after: version, wait_ms: 10_000, gone: new AbortController().signal })
      await world.admin('PUT', '/admin/products/clock', LAMP)
      const told = await waiting
      expect(told?.changes).toEqual([{ id: 'clock', version: told?.version, removed: false }])
      await world.admin('PUT', '/admin/products/clock', { ...LAMP, title: 'Clock' })
      expect((await world.admin('DELETE', '/admin/products/clock')).status).toBe(204)
      expect((await world.admin('DELETE', '/admin/products/clock')).status).toBe(404)
      expect((await world.call('GET', '/item/clock')).status).toBe(404)
      await until('the removal is told', async () => {
        const { changes } = await changesOf(catalogue, version)
        return changes.length === 1 && changes[0]?.id === 'clock' && changes[0].removed
      })
      expect((await catalogue.ids()).ids).toEqual(ids)
      expect((await world.admin('PUT', '/admin/products/clock', LAMP)).status).toBe(201)
    })

    test('says in a product which sales have it, as they come and go', async () => {
      await world.admin('PUT', '/admin/products/thing', { ...LAMP, title: 'Thing' })
      const before = (await world.call('GET', '/items/thing')).body.version
      await world.admin('POST', '/admin/sales', saleBody('late', { title: 'Late sale' }))
      await world.admin('POST', '/admin/sales/late/open')
      await until('the offer is there', async () => (await world.call('GET', '/items/thing')).body.offers.length === 1)
      const { body } = await world.call('GET', '/items/thing')
      expect(body.offers[0]).toMatchObject({ sale: 'late', title: 'Late sale', price: { amount_minor: 1250 } })
      expect((await changesOf(catalogue, before)).changes.map(({ id }) => id)).toContain('thing')
      expect((await world.call('GET', '/item/thing')).body).toContain('<a href="/sales/late">Late sale</a>: €12.50')
      await world.admin('POST', '/admin/sales/late/end')
      await until('the offer is gone', async () => (await world.call('GET', '/items/thing')).body.offers.length === 0)
    })

    test('forgets what was removed long ago, and sends back to the start who had not read that far', async () => {
      const { version } = await catalogue.ids()
      await world.admin('DELETE', '/admin/products/bulk-000')
      expect((await changesOf(catalogue, version)).restart).toBe(false)
      const later = new Products(world.ledger.db as Db, () => Date.now() + 8 * 24 * 3_600_000)
      await later.forget()
      await world.admin('PUT', '/admin/products/new', LAMP)
      await until('the start is said', async () => (await changesOf(catalogue, version)).restart)
      const again = await catalogue.ids()
      expect(await catalogue.changesAfter(again.version)).toMatchObject({ restart: false, changes: [] })
    })
  })
}
