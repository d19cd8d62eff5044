// Crawlers of the settings: their published ranges from files that are followed as they change, and their names from the DNS.
//
// The DNS is asked by the backend, in a timer, so that no request waits: the answer is for those that come after it. What it
// said is in shared memory, for all workers, for keep_s; that nobody knows, for UNKNOWN_S. A zone that is full forgets the oldest.
import * as cjson from 'cjson.safe'
import { parseAddress, parseNetwork } from '../domain/address'
import {
  addRange,
  type CrawlerStanding,
  isInRanges,
  noRanges,
  type Ranges,
  readPublished,
  standingOf,
} from '../domain/crawlers'
import type { CrawlerReader, CrawlerRules, CrawlerSettings, CrawlersPort } from '../kernel/crawlers'
import { getJson, type HttpTarget } from './http-client'
import type { Metrics } from './metrics'

type Zone = ngx.SharedDict<string>

interface Followed {
  rules: CrawlerRules
  /** of the settings */
  fixed: Ranges
  /** of the file, as it was last good */
  published: Ranges
  last_text: string
  last_problem: string
}

const REREAD_S = 5
const FILE_BYTES_MAX = 4 * 1024 * 1024
/** of this node: addresses that are made up cost the DNS no more */
const LOOKUPS_PER_S = 10
const LOOKUP_MS = 6000
const UNKNOWN_S = 30
const ASKED_S = 15

function readFile(path: string): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const [file, failure] = io.open(path, 'r')
  if (file === undefined) return $multi(undefined, tostring(failure))
  const text = (file as LuaFile).read(FILE_BYTES_MAX + 1) as string | undefined
  ;(file as LuaFile).close()
  if (text === undefined) return $multi(undefined, 'is empty')
  if (text.length > FILE_BYTES_MAX) return $multi(undefined, 'is larger than 4 MB')
  return $multi(text, undefined)
}

function readAgain(followed: Followed): void {
  const [text, failure] = readFile(followed.rules.ranges_file)
  if (text !== undefined && text === followed.last_text) return
  let problem = failure
  if (text !== undefined) {
    followed.last_text = text
    const [value] = cjson.decode(text)
    const ranges = readPublished(value)
    if (typeof ranges === 'string') problem = ranges
    else followed.published = ranges
  }
  if (problem !== undefined && problem !== followed.last_problem) {
    const kept = followed.published.count > 0 ? '; the last good ranges stay' : '; who uses the name is unverified'
    ngx.log(ngx.WARN, 'crawlers: ', followed.rules.ranges_file, ': ', problem, kept)
  }
  followed.last_problem = problem ?? ''
}

function follow(rules: CrawlerRules): Followed {
  const followed = { rules, fixed: noRanges(), published: noRanges(), last_text: '', last_problem: '' }
  for (const text of rules.ranges) {
    const network = parseNetwork(text)
    if (network !== undefined) addRange(followed.fixed, network)
  }
  if (rules.ranges_file !== '') {
    readAgain(followed)
    ngx.timer.every(REREAD_S, () => readAgain(followed))
  }
  return followed
}

export function crawlersPort(zone: Zone, backend: HttpTarget, bearer: string, metrics: Metrics): CrawlersPort {
  function learn(premature: boolean, key: string, address: string, domains: string, keep_s: number): void {
    if (premature) return
    const path = '/internal/crawlers?address=' + address + '&domains=' + domains
    const [body, failure] = getJson(backend, path, bearer, LOOKUP_MS / 1000)
    const [said] = cjson.decode(body ?? '{}')
    const standing = (said as { standing?: CrawlerStanding } | undefined)?.standing
    if (failure !== undefined) ngx.log(ngx.WARN, 'crawlers: backend: ', failure)
    const is_known = standing === 'verified' || standing === 'false'
    zone.set(key, is_known ? standing : 'unverified', is_known ? keep_s : UNKNOWN_S)
    metrics.add('rushgate_crawler_lookups_total{standing="' + (is_known ? standing : 'unverified') + '"}', 1)
  }

  /** Never waits. */
  function byName(address: string, domains: string, keep_s: number): CrawlerStanding {
    const key = domains + ' ' + address
    const [known] = zone.get(key)
    if (known !== undefined) return known as CrawlerStanding
    const [is_mine] = zone.add('?' + key, '', ASKED_S)
    if (!is_mine) return 'unverified'
    const [lookups] = (zone as unknown as ngx.SharedDict<number>).incr('#', 1, 0, 1)
    if ((lookups ?? 0) > LOOKUPS_PER_S) {
      zone.delete('?' + key)
      metrics.add('rushgate_crawler_lookups_total{standing="put_off"}', 1)
    } else {
      ngx.timer.at(0, learn, key, address, domains, keep_s)
    }
    return 'unverified'
  }

  function standing(followed: Followed, address: string, keep_s: number): CrawlerStanding {
    const { rules, fixed, published } = followed
    const parsed = parseAddress(address)
    const is_in = parsed !== undefined && (isInRanges(fixed, parsed) || isInRanges(published, parsed))
    const by_name =
      is_in || parsed === undefined || rules.domains.length === 0
        ? undefined
        : byName(address, table.concat(rules.domains, ','), keep_s)
    return standingOf(is_in, fixed.count + published.count > 0, by_name)
  }

  return (settings: CrawlerSettings): CrawlerReader => {
    const all: Followed[] = []
    for (const rules of settings.crawlers) all.push(follow(rules))
    return (user_agent, address) => {
      for (const followed of all) {
        if (string.find(user_agent, followed.rules.agent, 1, true)[0] !== undefined) {
          return standing(followed, address, settings.keep_s)
        }
      }
      return undefined
    }
  }
}
