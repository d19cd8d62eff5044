// Events of items in Elasticsearch: one index a day behind an alias, both from a template.
//
// Written with `create` under the event's own id: what is there already stays as it is and answers 409, which is a duplicate and
// no error. Nothing that newer or smaller builds lack is used: no lifecycle management, data streams, scripts or pipelines.
import { Client, errors } from '@elastic/elasticsearch'
import type { HotItemEvent } from '../../../contract/hot-item-event'
import { askElastic, type ElasticSearch } from './elastic-queries'
import template from './hot-item-template.json'
import {
  type Bucket,
  type Dimension,
  type Filter,
  type Groups,
  type HotItemStore,
  type KeptEvent,
  type MinuteOfItems,
  type Sequence,
  StoreAway,
  type WriteOutcome,
} from './store'

/** name of the alias in the template's file */
export const HOT_ITEM_INDEX = 'hot_item'

const BULK_MS_MAX = 30_000
const SEARCH_MS_MAX = 5_000
const OTHER_MS_MAX = 10_000
const DAY_OF_INDEX = /^\d{4}\.\d{2}\.\d{2}$/
/** Too much at this moment, a part of the cluster that is away, a disk that is full: none of it is the document's fault. */
const PASSING_STATUSES = new Set([403, 404, 408, 429])
const MISSING_INDEX = 404

interface ElasticStoreOptions {
  url: string
  /** of the alias; daily indices are `<index>-YYYY.MM.DD` */
  index?: string
}

interface BulkItem {
  status: number
  error?: { type?: string; reason?: string; caused_by?: { reason?: string } }
}

export class ElasticStore implements HotItemStore {
  readonly kind = 'elasticsearch'
  private readonly client: Client
  private readonly index: string

  constructor({ url, index = HOT_ITEM_INDEX }: ElasticStoreOptions) {
    this.index = index
    // tried again by the indexer, which goes on reporting to its group meanwhile
    this.client = new Client({ node: url, maxRetries: 0, requestTimeout: OTHER_MS_MAX })
  }

  async prepare(): Promise<void> {
    const body = {
      ...template,
      index_patterns: [`${this.index}-*`],
      template: { ...template.template, aliases: { [this.index]: {} } },
    }
    await this.call('PUT', `/_index_template/${this.index}`, body)
  }

  async write(events: KeptEvent[]): Promise<WriteOutcome> {
    const outcome: WriteOutcome = { indexed: 0, duplicates: 0, rejected: [], again: [] }
    if (events.length === 0) return outcome
    let body = ''
    for (const { id, day, event } of events) {
      body += `{"create":{"_index":"${this.index}-${day}","_id":"${id}"}}\n${JSON.stringify(documentOf(event))}\n`
    }
    const reply = (await this.call('POST', '/_bulk', body, BULK_MS_MAX)) as { items: { create: BulkItem }[] }
    for (const [i, { create }] of reply.items.entries()) sortOut(outcome, create, events[i] as KeptEvent)
    return outcome
  }

  async deleteBefore(day: string): Promise<string[]> {
    const from = `${this.index}-`.length
    const reply = (await this.call('GET', `/${this.index}-*?expand_wildcards=all&filter_path=*.aliases`)) as object
    const days = Object.keys(reply)
      .map((name) => name.substring(from))
      .filter((each) => DAY_OF_INDEX.test(each) && each < day)
    for (const each of days) await this.call('DELETE', `/${this.index}-${each}?ignore_unavailable=true`)
    return days.sort()
  }

  groups(filter: Filter, by: Dimension, limit: number): Promise<Groups> {
    return askElastic.groups(this.search, filter, by, limit)
  }

  minutes(filter: Filter, limit: number): Promise<MinuteOfItems[]> {
    return askElastic.minutes(this.search, filter, limit)
  }

  timeline(filter: Filter, step_ms: number): Promise<Bucket[]> {
    return askElastic.timeline(this.search, filter, step_ms)
  }

  count(filter: Filter): Promise<number> {
    return askElastic.count(this.search, filter)
  }

  sequences(filter: Filter, limit: number): Promise<Sequence[]> {
    return askElastic.sequences(this.search, filter, limit)
  }

  latest(filter: Filter, limit: number): Promise<KeptEvent[]> {
    return askElastic.latest(this.search, filter, limit)
  }

  async close(): Promise<void> {
    await this.client.close()
  }

  private readonly search: ElasticSearch = async (body) => {
    const path = `/${this.index}/_search?ignore_unavailable=true&allow_no_indices=true`
    const reply = (await this.call('POST', path, { ...body, timeout: `${SEARCH_MS_MAX - 500}ms` }, SEARCH_MS_MAX)) as {
      timed_out: boolean
      _shards: { failed: number }
    }
    if (reply.timed_out)
      throw new StoreAway(`Elasticsearch had no answer within ${SEARCH_MS_MAX} ms: ask for less time`)
    if (reply._shards.failed > 0) throw new StoreAway('a part of the index of hot items is away')
    return reply as unknown as Awaited<ReturnType<ElasticSearch>>
  }

  /** Throws StoreAway for what passes by itself. A string goes out as it is, as lines. */
  private async call(method: string, path: string, body?: object | string, ms_max = OTHER_MS_MAX): Promise<unknown> {
    const [pathname = '', querystring = ''] = path.split('?')
    const part = typeof body === 'string' ? { bulkBody: body } : body === undefined ? {} : { body }
    try {
      return await this.client.transport.request(
        { method, path: pathname, querystring, ...part },
        { requestTimeout: ms_max },
      )
    } catch (error) {
      throw asAway(error)
    }
  }
}

/** A gate that was not told an address says ''. */
function documentOf(event: HotItemEvent): object {
  const { ip, ...rest } = event
  return ip === '' ? rest : event
}

function sortOut(outcome: WriteOutcome, { status, error }: BulkItem, kept: KeptEvent): void {
  if (status === 201 || status === 200) outcome.indexed += 1
  else if (status === 409) outcome.duplicates += 1
  else if (PASSING_STATUSES.has(status) || status >= 500) outcome.again.push(kept)
  else {
    const cause = error?.caused_by?.reason === undefined ? '' : `: ${error.caused_by.reason}`
    outcome.rejected.push({ kept, reason: `${error?.type ?? status}: ${error?.reason ?? ''}${cause}` })
  }
}

function asAway(error: unknown): unknown {
  const away = (reason: string) => new StoreAway(`Elasticsearch ${reason}`, { cause: error })
  if (error instanceof errors.TimeoutError) return away('had no answer in time')
  if (error instanceof errors.ConnectionError || error instanceof errors.NoLivingConnectionsError) {
    return away(`is away: ${error.message}`)
  }
  if (error instanceof errors.ResponseError) {
    const { statusCode = 0 } = error
    if (statusCode === 401) return away('does not take the user and password of ELASTICSEARCH_URL')
    if (statusCode >= 500 || (PASSING_STATUSES.has(statusCode) && statusCode !== MISSING_INDEX)) {
      return away(`answered ${statusCode}`)
    }
  }
  return error
}
