// Crawlers that can be told from those who use their names, as plugins see them.
import type { CrawlerStanding } from '../domain/crawlers'

export interface CrawlerRules {
  /** what stands in its User-Agent */
  agent: string
  /** networks that it comes from */
  ranges: string[]
  /** path of a file with more of them; '' for none */
  ranges_file: string
  /** its hosts' names end so; none: the DNS is not asked */
  domains: string[]
}

export interface CrawlerSettings {
  crawlers: CrawlerRules[]
  /** how long the DNS' word is kept */
  keep_s: number
}

/** Never waits: whom the DNS has to tell is unverified until it has. undefined: no crawler of these settings. */
export type CrawlerReader = (this: void, user_agent: string, address: string) => CrawlerStanding | undefined

export type CrawlersPort = (this: void, settings: CrawlerSettings) => CrawlerReader
