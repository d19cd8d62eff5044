// What search asks of an engine. Two answer alike, Elasticsearch and SQL (backend/test/search.spec.ts asks both the same).
import type { Product } from '../products'

export const SORTS = ['relevance', 'price', '-price', 'title'] as const
export type Sort = (typeof SORTS)[number]

/** results that can be reached by turning pages; totals are counted no further */
export const RESULTS_MAX = 10_000
export const FACETS_MAX = 50
const SUMMARY_LENGTH_MAX = 200

export interface SearchRequest {
  /** words (words.ts); none: everything is found */
  terms: string[]
  /** by name, the values of which one must be the product's */
  attributes: Map<string, Set<string>>
  /** '' for any */
  currency: string
  price_min: number
  price_max: number
  /** only these products; undefined: any */
  ids: string[] | undefined
  sort: Sort
  from: number
  size: number
}

export interface FoundProduct extends Omit<Product, 'text'> {
  /** the beginning of its text */
  summary: string
}

export interface SearchResult {
  /** no higher than RESULTS_MAX */
  total: number
  products: FoundProduct[]
  /** over all that is found, most frequent first */
  facets: { name: string; value: string; count: number }[]
}

export interface SearchEngine {
  readonly name: 'elasticsearch' | 'sql'
  search(request: SearchRequest): Promise<SearchResult>
}

export function summaryOf(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  if (line.length <= SUMMARY_LENGTH_MAX) return line
  const cut = line.substring(0, SUMMARY_LENGTH_MAX)
  return `${cut.substring(0, Math.max(cut.lastIndexOf(' '), SUMMARY_LENGTH_MAX / 2)).replace(/\p{Surrogate}$/u, '')} …`
}

/** "name=value" */
export function facetOf(pair: string, count: number): SearchResult['facets'][number] {
  const equals = pair.indexOf('=')
  return { name: pair.substring(0, equals), value: pair.substring(equals + 1), count }
}

export function attributePairs(attributes: SearchRequest['attributes']): string[][] {
  return [...attributes].map(([name, values]) => [...values].map((value) => `${name}=${value}`))
}
