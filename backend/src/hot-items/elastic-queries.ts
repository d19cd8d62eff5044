// The operator's questions as Elasticsearch searches.
//
// `terms` over several daily indices is an estimate where there are more values than each shard hands in: each hands in ten times what is
// wanted and at least GROUPS_OF_SHARD_MIN, and how much a count may be too low is passed on as `error_max`.
import { eventId, type HotItemEvent, readEvent } from '../../../contract/hot-item-event'
import {
  type Bucket,
  type Dimension,
  dayOf,
  type Filter,
  type Group,
  type Groups,
  type KeptEvent,
  type MinuteOfItems,
  type Sequence,
} from './store'

const GROUPS_OF_SHARD_MIN = 1000
const MINUTE_MS = 60_000

// biome-ignore lint/suspicious/noExplicitAny: the shape of an answer follows from its question, a few lines above
export type ElasticSearch = (body: Record<string, unknown>) => Promise<any>

const FIELDS: Record<Dimension, string> = {
  item: 'sku',
  ip: 'ip',
  agent: 'agent',
  status: 'status',
  node: 'node',
  token: 'token',
}

function queryOf(filter: Filter): object {
  const { from_ms, to_ms } = filter
  const range = { gte: new Date(from_ms).toISOString(), lt: new Date(to_ms).toISOString() }
  const clauses: object[] = [{ range: { actime: range } }]
  for (const [name, field] of Object.entries(FIELDS)) {
    const value = filter[name as Dimension]
    if (value !== undefined) clauses.push({ term: { [field]: value } })
  }
  return { bool: { filter: clauses } }
}

function termsOf(field: string, limit: number): object {
  const shard_size = Math.max(limit * 10, GROUPS_OF_SHARD_MIN)
  return { field, size: limit, shard_size, order: [{ _count: 'desc' }, { _key: 'asc' }] }
}

interface TermsBucket {
  key: string | number
  doc_count: number
}

function groupsOf(buckets: TermsBucket[]): Group[] {
  return buckets.map(({ key, doc_count }) => ({ value: String(key), requests: doc_count }))
}

export const askElastic = {
  async groups(search: ElasticSearch, filter: Filter, by: Dimension, limit: number): Promise<Groups> {
    const reply = await search({
      size: 0,
      track_total_hits: true,
      query: queryOf(filter),
      aggs: { by: { terms: termsOf(FIELDS[by], limit) } },
    })
    const terms = reply.aggregations?.by
    return {
      total: reply.hits.total.value,
      groups: groupsOf(terms?.buckets ?? []),
      error_max: terms?.doc_count_error_upper_bound ?? 0,
    }
  },

  async minutes(search: ElasticSearch, filter: Filter, limit: number): Promise<MinuteOfItems[]> {
    const reply = await search({
      size: 0,
      track_total_hits: false,
      query: queryOf(filter),
      aggs: {
        minutes: {
          date_histogram: { field: 'actime', fixed_interval: `${MINUTE_MS}ms`, min_doc_count: 1 },
          aggs: { by: { terms: termsOf(FIELDS.item, limit) } },
        },
      },
    })
    const buckets: { key: number; doc_count: number; by: { buckets: TermsBucket[] } }[] =
      reply.aggregations?.minutes.buckets ?? []
    return buckets.map(({ key, doc_count, by }) => ({ at_ms: key, requests: doc_count, items: groupsOf(by.buckets) }))
  },

  async timeline(search: ElasticSearch, filter: Filter, step_ms: number): Promise<Bucket[]> {
    const reply = await search({
      size: 0,
      track_total_hits: false,
      query: queryOf(filter),
      aggs: { steps: { date_histogram: { field: 'actime', fixed_interval: `${step_ms}ms`, min_doc_count: 1 } } },
    })
    const buckets: { key: number; doc_count: number }[] = reply.aggregations?.steps.buckets ?? []
    return buckets.map(({ key, doc_count }) => ({ at_ms: key, requests: doc_count }))
  },

  async count(search: ElasticSearch, filter: Filter): Promise<number> {
    const reply = await search({ size: 0, track_total_hits: true, query: queryOf(filter) })
    return reply.hits.total.value
  },

  async sequences(search: ElasticSearch, filter: Filter, limit: number): Promise<Sequence[]> {
    const reply = await search({
      size: 0,
      track_total_hits: false,
      query: queryOf(filter),
      aggs: {
        workers: {
          terms: { field: 'worker', size: limit, shard_size: Math.max(limit * 10, GROUPS_OF_SHARD_MIN) },
          aggs: {
            first: { min: { field: 'seq' } },
            last: { max: { field: 'seq' } },
            node: { terms: { field: 'node', size: 1 } },
          },
        },
      },
    })
    const buckets: {
      key: string
      doc_count: number
      first: { value: number }
      last: { value: number }
      node: { buckets: TermsBucket[] }
    }[] = reply.aggregations?.workers.buckets ?? []
    return buckets.map(({ key, doc_count, first, last, node }) => ({
      node: String(node.buckets[0]?.key ?? ''),
      worker: key,
      first: first.value,
      last: last.value,
      found: doc_count,
    }))
  },

  async latest(search: ElasticSearch, filter: Filter, limit: number): Promise<KeptEvent[]> {
    const reply = await search({
      size: limit,
      track_total_hits: false,
      query: queryOf(filter),
      sort: [{ actime: 'desc' }, { worker: 'asc' }, { seq: 'desc' }],
    })
    const hits: { _source: HotItemEvent }[] = reply.hits.hits
    return hits.flatMap(({ _source }) => {
      const event = readEvent({ ..._source, ip: _source.ip ?? '' })
      if (typeof event === 'string') return []
      const at_ms = Date.parse(event.actime)
      return [{ id: eventId(event), day: dayOf(at_ms), at_ms, event }]
    })
  },
}
