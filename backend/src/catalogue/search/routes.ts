// GET /search for everybody, as JSON or as a page; for the operator, what indexes there are and to have them made anew.
import type { Router } from 'express'
import type { Authenticator } from '../../http/auth'
import { PAGE_POLICY } from '../../http/page'
import { addRoute } from '../../http/routes'
import type { Logger } from '../../log'
import type { Catalogue } from '../catalogue'
import type { Offer } from '../products'
import { productView } from '../routes'
import type { FoundProduct, SearchResult } from './engine'
import type { IndexKeeper } from './index-keeper'
import { readSearchQuery, type SearchQuery } from './query'
import type { Search, SearchAnswer } from './search'
import { searchPage } from './search-page'
import type { StockView } from './stock-view'

const NOTHING: SearchResult = { total: 0, products: [], facets: [] }

interface SearchRouteParts {
  search: Search
  stock: StockView
  catalogue: Catalogue
  keepers: IndexKeeper[]
  auth: Authenticator
  log: Logger
}

/** A product that was found, and how it stands with it now; `in_stock` is missing while Redis is away. */
export interface ShownProduct {
  product: FoundProduct
  on_sale: boolean
  in_stock: boolean | undefined
  /** of the sale that is open now */
  offer: Offer | undefined
}

export interface ShownAnswer extends Omit<SearchAnswer, 'products'> {
  query: SearchQuery
  products: ShownProduct[]
  pages: number
}

export async function answerOf(
  query: SearchQuery,
  { search, stock }: Pick<SearchRouteParts, 'search' | 'stock'>,
): Promise<ShownAnswer> {
  const on_sale = await stock.onSale()
  const looked = stock.inStock()
  // who filters by it must be told that it is not known; others get what there is
  const in_stock = query.in_stock ? await looked : await looked.catch(() => undefined)
  const ids = query.in_stock ? in_stock : query.on_sale ? on_sale : undefined
  const words_only = query.q.trim() !== '' && query.terms.length === 0
  const found =
    words_only || ids?.size === 0
      ? { ...NOTHING, engine: 'sql' as const, fallback: false }
      : await search.search({ ...query, ids: ids && [...ids], from: (query.page - 1) * query.size })
  return {
    ...found,
    query,
    pages: Math.ceil(found.total / query.size),
    products: found.products.map((product) => ({
      product,
      on_sale: on_sale.has(product.id),
      in_stock: on_sale.has(product.id) ? in_stock?.has(product.id) : false,
      offer: stock.openOffer(product.offers),
    })),
  }
}

function answerView({ query, products, total, pages, facets, engine, fallback }: ShownAnswer): Record<string, unknown> {
  return {
    query: query.q,
    total,
    page: query.page,
    pages,
    items: products.map(({ product, on_sale, in_stock }) => ({ ...productView(product), on_sale, in_stock })),
    facets,
    engine,
    ...(fallback ? { fallback } : {}),
  }
}

export function addSearchRoutes(router: Router, parts: SearchRouteParts): void {
  const { catalogue, keepers, auth, log } = parts
  addRoute(router, '/search', {
    get: async (request, response) => {
      const answer = await answerOf(readSearchQuery(request.query), parts)
      response.vary('accept')
      if (request.accepts(['json', 'html']) !== 'html') {
        response.json(answerView(answer))
        return
      }
      response.set('content-security-policy', PAGE_POLICY).set('referrer-policy', 'same-origin')
      response.type('text/html').send(searchPage(answer))
    },
  })
  addRoute(
    router,
    '/admin/catalogue/index',
    {
      get: async (_, response) => {
        const { version, products } = await catalogue.products.version()
        const indexes = await Promise.all(
          keepers.map((keeper) => keeper.view().catch((error: Error) => ({ failed: error.message }))),
        )
        response.json({ version, products, indexes })
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/admin/catalogue/reindex',
    {
      post: async (request, response) => {
        const asked_ms = await catalogue.products.askReindex()
        for (const keeper of keepers) keeper.kick()
        log.info({ audit: 'products', action: 'reindex', by: `admin token, from ${request.ip}` }, 'reindex asked for')
        response.status(202).json({ asked_at: new Date(asked_ms).toISOString() })
      },
    },
    auth.admin,
  )
}
