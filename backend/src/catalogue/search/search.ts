// Search: Elasticsearch where there is one, the ledger's database otherwise and while Elasticsearch does not answer. Each
// engine has a ceiling of searches in progress, so that looking around never takes what buying needs.
import type { Breaker } from '../../breaker'
import { Refusal, spreadRetryMs } from '../../http/refusal'
import type { Logger } from '../../log'
import type { Metrics } from '../../metrics'
import type { SearchEngine, SearchRequest, SearchResult } from './engine'

const ELASTIC_AT_ONCE_MAX = 64
const RETRY_MS = 2000
const LOG_REPEAT_MS = 10_000

export interface SearchAnswer extends SearchResult {
  engine: SearchEngine['name']
  /** the engine that should have answered is away */
  fallback: boolean
}

interface SearchParts {
  elastic: SearchEngine | undefined
  breaker: Breaker
  sql: SearchEngine
  /** PGlite has one session, which settlement needs as well */
  sql_at_once_max: number
  log: Logger
  metrics: Metrics
}

export class Search {
  private readonly in_progress = { elasticsearch: 0, sql: 0 }
  private logged_ms = Number.NEGATIVE_INFINITY

  constructor(private readonly parts: SearchParts) {}

  async search(request: SearchRequest): Promise<SearchAnswer> {
    const { elastic, breaker, sql, sql_at_once_max, metrics } = this.parts
    if (elastic !== undefined) {
      try {
        const ask = () => breaker.run(() => elastic.search(request))
        const result = await this.bounded('elasticsearch', ELASTIC_AT_ONCE_MAX, ask)
        metrics.searches.inc({ engine: 'elasticsearch', outcome: 'answered' })
        return { ...result, engine: 'elasticsearch', fallback: false }
      } catch (error) {
        if (error instanceof Refusal) throw error
        metrics.searches.inc({ engine: 'elasticsearch', outcome: 'failed' })
        this.say(error)
      }
    }
    const result = await this.bounded('sql', sql_at_once_max, () => sql.search(request))
    metrics.searches.inc({ engine: 'sql', outcome: 'answered' })
    return { ...result, engine: 'sql', fallback: elastic !== undefined }
  }

  private async bounded<T>(engine: SearchEngine['name'], most: number, work: () => Promise<T>): Promise<T> {
    if (this.in_progress[engine] >= most) {
      this.parts.metrics.searches.inc({ engine, outcome: 'busy' })
      const detail = `${most} searches are in progress here already, which is the most; buying goes on`
      throw new Refusal('busy', detail, { retry_after_ms: spreadRetryMs(RETRY_MS) })
    }
    this.in_progress[engine] += 1
    try {
      return await work()
    } finally {
      this.in_progress[engine] -= 1
    }
  }

  private say(error: unknown): void {
    const now_ms = performance.now()
    if (now_ms - this.logged_ms < LOG_REPEAT_MS) return
    this.logged_ms = now_ms
    const reason = error instanceof Error ? error.message : String(error)
    this.parts.log.warn({ reason }, 'Elasticsearch did not answer a search; the database does')
  }
}
