// Products: /admin/products for the operator, /item/{id} (page) and /items/{id} (JSON) for everybody.
import type { Request, Response, Router } from 'express'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { PAGE_POLICY } from '../http/page'
import { Refusal } from '../http/refusal'
import { addRoute, integerQuery, param, query } from '../http/routes'
import type { Logger } from '../log'
import { SALE_ID } from '../sales/schemas'
import type { Catalogue } from './catalogue'
import { itemPage } from './item-page'
import type { Product } from './products'
import { productBody, productsBody } from './schemas'

/** How long a cache, the browser's too, may show a page without asking again. */
const PAGE_FRESH_S = 30
/** of 500 products */
const IMPORT_BYTES_MAX = 4 * 1024 * 1024
const LIST_LIMIT_MAX = 1000
const LIST_LIMIT_DEFAULT = 100

interface CatalogueRouteParts {
  catalogue: Catalogue
  auth: Authenticator
  /** of the ledger */
  durable: () => Promise<void>
  log: Logger
}

export function productView(product: Omit<Product, 'text'>): Record<string, unknown> {
  const { offers, updated_ms, ...rest } = product
  return {
    ...rest,
    offers: offers.map(({ opens_ms, closes_ms, ...offer }) => ({
      ...offer,
      opens_at: new Date(opens_ms).toISOString(),
      closes_at: new Date(closes_ms).toISOString(),
    })),
    updated_at: new Date(updated_ms).toISOString(),
  }
}

function noProduct(id: string): Refusal {
  return new Refusal('not_found', `there is no product ${id.substring(0, 64)}`)
}

export function addCatalogueRoutes(router: Router, parts: CatalogueRouteParts): void {
  const { catalogue, auth, log } = parts
  const { products } = catalogue
  const audit = (request: Request, action: string, details: object) =>
    log.info({ audit: 'products', action, ...details, by: `admin token, from ${request.ip}` }, 'products changed')

  const idOf = (request: Request): string => {
    const id = param(request, 'id')
    if (!SALE_ID.test(id)) throw noProduct(id)
    return id
  }
  const found = async (request: Request): Promise<Product> => {
    const id = idOf(request)
    const product = await products.find(id)
    if (product === undefined) throw noProduct(id)
    return product
  }
  /** The operator is answered when the change survives a power cut. */
  const done = async () => {
    await parts.durable()
    catalogue.changed()
  }

  addRoute(
    router,
    '/admin/products',
    {
      get: async (request, response) => {
        const limit = integerQuery(request, 'limit', 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT)
        const after = query(request, 'after') ?? ''
        if (after !== '' && !SALE_ID.test(after)) throw new Refusal('bad_request', 'after: must be what `next` said')
        const listed = await products.list(after, limit)
        const next = listed.length === limit ? { next: listed.at(-1)?.id } : {}
        response.json({ products: listed.map(productView), ...next })
      },
      post: async (request, response) => {
        const body = await readJson(request, productsBody, IMPORT_BYTES_MAX)
        const outcomes = await products.put(body.products)
        await done()
        const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length
        const counts = { made: count('made'), changed: count('changed'), unchanged: count('unchanged') }
        audit(request, 'import', counts)
        response.json(counts)
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/admin/products/:id',
    {
      get: async (request, response) => {
        response.json(productView(await found(request)))
      },
      put: async (request, response) => {
        const id = idOf(request)
        const [outcome] = await products.put([{ id, ...(await readJson(request, productBody)) }])
        await done()
        audit(request, 'put', { id, outcome })
        response.status(outcome === 'made' ? 201 : 200).json(productView(await found(request)))
      },
      delete: async (request, response) => {
        const id = idOf(request)
        if (!(await products.remove(id))) throw noProduct(id)
        await done()
        audit(request, 'delete', { id })
        response.status(204).end()
      },
    },
    auth.admin,
  )
  const cached = (product: Product, kind: string, request: Request, response: Response): boolean => {
    const tag = `"${kind}${product.version}"`
    response
      .set('etag', tag)
      .set('last-modified', new Date(product.updated_ms).toUTCString())
      .set('cache-control', `public, max-age=${PAGE_FRESH_S}`)
    if (!namesTag(request.headers['if-none-match'], tag)) return false
    response.status(304).end()
    return true
  }
  addRoute(router, '/item/:id', {
    get: async (request, response) => {
      const product = await found(request)
      if (cached(product, 'p', request, response)) return
      response.set('content-security-policy', PAGE_POLICY).set('referrer-policy', 'same-origin')
      response.type('text/html').send(itemPage(product))
    },
  })
  addRoute(router, '/items/:id', {
    get: async (request, response) => {
      const product = await found(request)
      if (!cached(product, 'j', request, response)) response.json(productView(product))
    },
  })
}

/** Only the tag counts: a page's date has whole seconds, in which a product may change twice. */
function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((each) => each.trim().replace(/^W\//, '') === tag || each.trim() === '*')
}
