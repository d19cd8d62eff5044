// Search in Elasticsearch: each term scores its best agreement with the fields' words, in the figures of document.ts.
//
// Every clause has a constant score: what comes first does not depend on how often a word stands in other products, nor on which
// engine was asked.
import type { Client, estypes } from '@elastic/elasticsearch'
import { FIELD_WEIGHTS, FIELDS, type Field, MATCH_SCORES, PREFIX_LENGTH_MIN } from './document'
import {
  attributePairs,
  FACETS_MAX,
  type FoundProduct,
  facetOf,
  RESULTS_MAX,
  type SearchEngine,
  type SearchRequest,
  type SearchResult,
  type Sort,
} from './engine'
import { editsAllowed, termsNeeded } from './words'

type Query = estypes.QueryDslQueryContainer

/** Elasticsearch gives up by itself, before the client does */
const SEARCH_MS_MAX = 800
const ANSWER_MS_MAX = 1500
/** the first letter of a term must be right, as in SQL */
const PREFIX_LENGTH = 1

export interface IndexedProduct {
  id: string
  words_title: string[]
  words_attributes: string[]
  words_text: string[]
  sort_title: string
  title_words: number
  attributes: string[]
  currency: string
  amount_minor: number
  /** kept and not indexed */
  product: FoundProduct
}

export const MAPPING: estypes.MappingTypeMapping = {
  dynamic: 'strict',
  properties: {
    id: { type: 'keyword' },
    ...(Object.fromEntries(
      FIELDS.map((field) => [
        `words_${field}`,
        { type: 'text', analyzer: 'whitespace', norms: false, index_options: 'docs' },
      ]),
    ) as Record<string, estypes.MappingProperty>),
    sort_title: { type: 'keyword' },
    title_words: { type: 'integer' },
    attributes: { type: 'keyword' },
    currency: { type: 'keyword' },
    amount_minor: { type: 'long' },
    product: { type: 'object', enabled: false },
  },
}

const ORDERS: Record<Sort, estypes.Sort> = {
  relevance: [{ _score: { order: 'desc' } }, { title_words: 'asc' }, { sort_title: 'asc' }, { id: 'asc' }],
  price: [{ currency: 'asc' }, { amount_minor: 'asc' }, { sort_title: 'asc' }, { id: 'asc' }],
  '-price': [{ currency: 'asc' }, { amount_minor: 'desc' }, { sort_title: 'asc' }, { id: 'asc' }],
  title: [{ sort_title: 'asc' }, { id: 'asc' }],
}

/** No answer in time counts as Elasticsearch being away; so does a search that it gave up. */
class SearchGivenUp extends Error {}

export class ElasticSearch implements SearchEngine {
  readonly name = 'elasticsearch'

  constructor(
    private readonly client: Client,
    private readonly alias: string,
  ) {}

  async search(request: SearchRequest): Promise<SearchResult> {
    const body: estypes.SearchRequest = {
      index: this.alias,
      query: queryOf(request),
      sort: ORDERS[request.sort],
      from: request.from,
      size: request.size,
      _source: ['product'],
      track_total_hits: RESULTS_MAX,
      timeout: `${SEARCH_MS_MAX}ms`,
      aggs: { facets: { terms: { field: 'attributes', size: FACETS_MAX } } },
    }
    const found = await this.client.search<Pick<IndexedProduct, 'product'>>(body, {
      requestTimeout: ANSWER_MS_MAX,
      maxRetries: 0,
    })
    if (found.timed_out) throw new SearchGivenUp(`Elasticsearch gave up after ${SEARCH_MS_MAX} ms`)
    const { total } = found.hits
    const facets = found.aggregations?.['facets'] as estypes.AggregationsStringTermsAggregate | undefined
    const buckets = (facets?.buckets ?? []) as estypes.AggregationsStringTermsBucket[]
    return {
      total: Math.min(RESULTS_MAX, typeof total === 'number' ? total : (total?.value ?? 0)),
      products: found.hits.hits.flatMap(({ _source }) => (_source === undefined ? [] : [_source.product])),
      facets: buckets.map(({ key, doc_count }) => facetOf(String(key), doc_count)),
    }
  }
}

function queryOf({ terms, attributes, currency, price_min, price_max, ids }: SearchRequest): Query {
  const filter: Query[] = attributePairs(attributes).map((pairs) => ({ terms: { attributes: pairs } }))
  if (currency !== '') filter.push({ term: { currency } })
  if (ids !== undefined) filter.push({ terms: { id: ids } })
  filter.push({ range: { amount_minor: { gte: price_min, lte: price_max } } })
  return { bool: { filter, should: terms.map(termQuery), minimum_should_match: termsNeeded(terms.length) } }
}

function termQuery(term: string): Query {
  const queries = FIELDS.flatMap((field) => fieldQueries(field, term))
  return { dis_max: { queries } }
}

function fieldQueries(field: Field, term: string): Query[] {
  const name = `words_${field}`
  const scored = (score: number, filter: Query): Query => ({
    constant_score: { filter, boost: score * FIELD_WEIGHTS[field] },
  })
  const queries = [scored(MATCH_SCORES.exact, { term: { [name]: term } })]
  if (term.length >= PREFIX_LENGTH_MIN) queries.push(scored(MATCH_SCORES.prefix, { prefix: { [name]: term } }))
  const edits = editsAllowed(term)
  const near = (fuzziness: number): Query => ({
    fuzzy: { [name]: { value: term, fuzziness, prefix_length: PREFIX_LENGTH, transpositions: true } },
  })
  if (edits >= 1) queries.push(scored(MATCH_SCORES.one_edit, near(1)))
  if (edits >= 2) queries.push(scored(MATCH_SCORES.two_edits, near(2)))
  return queries
}
