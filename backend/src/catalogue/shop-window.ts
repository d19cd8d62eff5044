// The catalogue put together: products, search over them, and the indexes that search needs.
import { Client } from '@elastic/elasticsearch'
import type { Router } from 'express'
import type { Redis } from 'ioredis'
import { Breaker } from '../breaker'
import type { Config } from '../config'
import type { Db } from '../db/db'
import { apiRolesIn } from '../http/api-roles'
import type { Authenticator } from '../http/auth'
import { KnownItems } from '../items/known-items'
import { addItemRoutes } from '../items/routes'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import type { SalesFollower } from '../sales/follower'
import { Catalogue } from './catalogue'
import { addCatalogueRoutes } from './routes'
import { ElasticIndex } from './search/elastic-index'
import { ElasticSearch } from './search/elastic-search'
import { IndexKeeper } from './search/index-keeper'
import { addSearchRoutes } from './search/routes'
import { Search } from './search/search'
import { SqlIndex } from './search/sql-index'
import { SqlSearch } from './search/sql-search'
import { StockView } from './search/stock-view'

/** name of the alias, behind ELASTICSEARCH_INDEX_PREFIX */
const ALIAS = 'products'
/** of the client; a search has a shorter time of its own */
const ELASTIC_MS_MAX = 10_000
const SQL_SEARCHES_MAX = { pglite: 2, postgres: 4 } as const

interface ShopWindowParts {
  config: Config
  db: Db
  redis: Redis
  /** of the ledger */
  durable: () => Promise<void>
  now: () => number
  sales: SalesFollower
  log: Logger
  metrics: Metrics
}

interface Running {
  start(): void
  stop(): Promise<void>
}

interface ShopWindow {
  catalogue: Catalogue
  /** to be stopped in the order in which they were started */
  parts: Running[]
  addRoutes(router: Router, auth: Authenticator): void
}

export function createShopWindow(parts: ShopWindowParts): ShopWindow {
  const { config, db, redis, durable, now, sales, log, metrics } = parts
  const catalogue = new Catalogue({ db, durable, now, sales, log, metrics })
  const { products } = catalogue
  const of_keeper = { catalogue, redis, instance: config.instance, now, hours: config.reindex_hours, log, metrics }
  const keepers = [new IndexKeeper({ ...of_keeper, index: new SqlIndex(products, now) })]
  let elastic: ElasticSearch | undefined
  let client: Client | undefined
  if (config.elasticsearch_url !== undefined) {
    client = new Client({ node: config.elasticsearch_url, requestTimeout: ELASTIC_MS_MAX, maxRetries: 0 })
    const alias = config.elasticsearch_index_prefix + ALIAS
    elastic = new ElasticSearch(client, alias)
    const index = new ElasticIndex({ client, alias, products, durable, now })
    keepers.push(new IndexKeeper({ ...of_keeper, index }))
  }
  const breaker = new Breaker({
    name: 'Elasticsearch',
    // an answer that says no is a fault too: there is no index, or it is not ours
    isFailure: () => true,
    onChange: (is_open, upstream) => {
      log.warn({ upstream }, is_open ? 'breaker opened' : 'breaker closed again')
      metrics.breaker_open.set({ upstream }, is_open ? 1 : 0)
    },
  })
  const sql_at_once_max = SQL_SEARCHES_MAX[db.kind]
  const search = new Search({ elastic, breaker, sql: new SqlSearch(db), sql_at_once_max, log, metrics })
  const stock = new StockView(sales, redis, now)
  const is_api = apiRolesIn(config.roles).length > 0
  const is_indexer = config.roles.includes('indexer')
  return {
    catalogue,
    parts: [
      ...(is_api || is_indexer ? [catalogue] : []),
      ...(is_indexer ? keepers : []),
      { start: () => undefined, stop: async () => client?.close() },
    ],
    addRoutes: (router, auth) => {
      addCatalogueRoutes(router, { catalogue, auth, durable, log })
      addItemRoutes(router, { items: new KnownItems(catalogue, now, log), auth })
      addSearchRoutes(router, { search, stock, catalogue, keepers, auth, log })
    },
  }
}
