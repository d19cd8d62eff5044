// The index of products in Elasticsearch: made anew beside the one in use, then put in its place by one switch of the alias.
//
// Guarantees: a document never goes back to an older version, because each is written under the version its product has in the
// database; searches never see half an index. How far an index has followed the database stands in the index itself (`_meta`), so an
// Elasticsearch that was emptied or put back is noticed.
import { randomBytes } from 'node:crypto'
import type { Client, estypes } from '@elastic/elasticsearch'
import type { ChangedProduct, Product, Products } from '../products'
import { documentOf } from './document'
import { type IndexedProduct, MAPPING } from './elastic-search'
import { summaryOf } from './engine'
import type { IndexState, ProductIndex } from './product-index'

const BATCH = 500
/** a removed document's version is remembered for so long: no writer is slower */
const REMOVED_KEPT = '1h'
const WRITE_MS_MAX = 30_000

interface Meta {
  build: string
  synced: number
  built_ms: number
}

interface ElasticIndexParts {
  client: Client
  alias: string
  products: Products
  /** resolves when what was read before survives a power cut: an index must not know more than the ledger */
  durable: () => Promise<void>
  now: () => number
}

export class ElasticIndex implements ProductIndex {
  readonly name = 'elasticsearch'

  constructor(private readonly parts: ElasticIndexParts) {}

  async current(): Promise<IndexState | undefined> {
    const { client, alias } = this.parts
    const found = await client.indices.getMapping({ index: alias, ignore_unavailable: true, allow_no_indices: true })
    const [index] = Object.keys(found)
    const meta = index === undefined ? undefined : metaOf(found[index])
    return index === undefined || meta === undefined ? undefined : { index, ...meta }
  }

  async follow({ index, synced, built_ms }: IndexState, until: number): Promise<number> {
    const { alias, products } = this.parts
    const changes = await products.changedRows(synced, until, BATCH)
    const reached = changes.length < BATCH ? until : (changes.at(-1)?.version ?? until)
    if (reached <= synced) return synced
    // by the alias: an index that was just replaced must not come back to life by being written to
    await this.write(alias, changes, true)
    const build = index.substring(alias.length + 1)
    await this.parts.client.indices.putMapping({ index, _meta: { build, synced: reached, built_ms } satisfies Meta })
    return reached
  }

  async rebuild(proceed: (written: number) => Promise<void>): Promise<IndexState> {
    const { client, alias, products, now, durable } = this.parts
    await this.removeLeftovers()
    const build = `${now()}-${randomBytes(4).toString('hex')}`
    const index = `${alias}-${build}`
    const meta: Meta = { build, synced: 0, built_ms: now() }
    const { version } = await products.version()
    await durable()
    await client.indices.create({
      index,
      settings: { number_of_shards: 1, auto_expand_replicas: '0-1', gc_deletes: REMOVED_KEPT },
      mappings: { ...MAPPING, _meta: { ...meta } },
    })
    let written = 0
    for (let after = ''; ; ) {
      const batch = await products.list(after, BATCH)
      await durable()
      await this.write(index, batch, false)
      written += batch.length
      await proceed(written)
      if (batch.length < BATCH) break
      after = batch.at(-1)?.id ?? ''
    }
    meta.synced = await this.catchUp(index, version)
    await client.indices.putMapping({ index, _meta: { ...meta } })
    await this.switchTo(index, build)
    return { index, synced: meta.synced, built_ms: meta.built_ms }
  }

  /** What was changed while the new index was filled. */
  private async catchUp(index: string, from: number): Promise<number> {
    const { products, durable } = this.parts
    const until = (await products.version()).version
    await durable()
    for (let synced = from; ; ) {
      const changes = await products.changedRows(synced, until, BATCH)
      await this.write(index, changes, false)
      if (changes.length < BATCH) return until
      synced = changes.at(-1)?.version ?? until
    }
  }

  /** One step for whoever searches: the new index is found by the alias, and the old one is gone. */
  private async switchTo(index: string, build: string): Promise<void> {
    const { client, alias } = this.parts
    await client.indices.refresh({ index })
    // removed by another builder meanwhile, and made again by being written to, it would be half an index
    const mapping = await client.indices.getMapping({ index })
    if (metaOf(mapping[index])?.build !== build) throw new Error(`index ${index} was removed while it was being filled`)
    const before = Object.keys(await client.indices.getAlias({ name: alias }, { ignore: [404] }))
    const old = before.filter((name) => name.startsWith(`${alias}-`))
    await client.indices.updateAliases({
      actions: [{ add: { index, alias } }, ...old.map((name) => ({ remove_index: { index: name } }))],
    })
  }

  /** Of builds that were broken off. */
  private async removeLeftovers(): Promise<void> {
    const { client, alias } = this.parts
    const all = await client.indices.get({ index: `${alias}-*`, allow_no_indices: true, features: ['aliases'] })
    const index = Object.keys(all).filter((name) => all[name]?.aliases?.[alias] === undefined)
    if (index.length > 0) await client.indices.delete({ index, ignore_unavailable: true })
  }

  private async write(index: string, changes: (Product | ChangedProduct)[], require_alias: boolean): Promise<void> {
    if (changes.length === 0) return
    const operations: (estypes.BulkOperationContainer | IndexedProduct)[] = []
    for (const change of changes) {
      const target = { _index: index, _id: change.id, version: change.version, version_type: 'external' as const }
      if ('removed' in change && change.removed) operations.push({ delete: target })
      else operations.push({ index: target }, indexedProduct(change))
    }
    const options = { requestTimeout: WRITE_MS_MAX, maxRetries: 0 }
    const answer = await this.parts.client.bulk(
      { operations, require_alias, refresh: require_alias ? 'wait_for' : false },
      options,
    )
    if (!answer.errors) return
    for (const item of answer.items) {
      const { status, error, _id } = item.index ?? item.delete ?? { status: 200 }
      // 409: a newer version is there; 404: nothing there to remove
      if (
        error !== undefined &&
        status !== 409 &&
        !(status === 404 && item.delete !== undefined && error.type === 'not_found')
      ) {
        throw new Error(`Elasticsearch did not take product ${_id}: ${error.type}: ${error.reason}`)
      }
    }
  }
}

function metaOf(mapping: estypes.IndicesGetMappingIndexMappingRecord | undefined): Meta | undefined {
  const meta = mapping?.mappings?._meta as Partial<Meta> | undefined
  const { build, synced, built_ms } = meta ?? {}
  return typeof build === 'string' && typeof synced === 'number' && typeof built_ms === 'number'
    ? { build, synced, built_ms }
    : undefined
}

function indexedProduct(product: Product): IndexedProduct {
  const { words, ...document } = documentOf(product)
  const { id, title, text, picture, price, attributes, offers, version, updated_ms } = product
  const summary = summaryOf(text.substring(0, 400))
  return {
    ...document,
    words_title: words.title,
    words_attributes: words.attributes,
    words_text: words.text,
    ...price,
    product: { id, title, summary, picture, price, attributes, offers, version, updated_ms },
  }
}
