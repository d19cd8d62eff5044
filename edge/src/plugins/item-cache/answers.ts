// What a shopper is told of an item: the page as it is kept, that he has it already, or why there is none.
import { ageS, hasTag, type ItemStanding, takesGzip } from '../../domain/item-times'
import type { FilledItem, ItemPage } from '../../kernel/items'
import type { HttpPort } from '../../kernel/plugin'
import { type Answer, type Refusal, refuse, refuseFor } from '../../kernel/verdict'

const OK = 200
const NOT_MODIFIED = 304
const RETRY_MS = 2000

/** Names of this cache in Cache-Status (RFC 9211). */
const HIT = 'rushgate; hit'
const HIT_STALE = 'rushgate; hit; detail=stale'
const MISS = 'rushgate; fwd=uri-miss; stored'
const COLLAPSED = 'rushgate; fwd=uri-miss; collapsed'

// nearly all browsers of a rush send the same words
let last_accepted = ''
let last_takes = false

function gzipTaken(http: HttpPort): boolean {
  const accepted = http.header('accept_encoding') ?? ''
  if (accepted !== last_accepted) {
    last_takes = takesGzip(accepted)
    last_accepted = accepted
  }
  return last_takes
}

function answerPage(
  http: HttpPort,
  page: ItemPage,
  status_text: string,
  cache_control: string,
  now_ms: number,
): Answer {
  const known = http.header('if_none_match')
  const is_known = known !== undefined && hasTag(known, page.tag)
  const compressed = page.gzip !== undefined && gzipTaken(http) ? page.gzip : undefined
  return {
    kind: 'answer',
    status: is_known ? NOT_MODIFIED : OK,
    content_type: page.content_type,
    body: is_known ? '' : (compressed ?? page.body),
    kept: {
      cache_control,
      tag: page.tag,
      age_s: ageS(page.times, now_ms),
      cache_status: status_text,
      encoding: compressed === undefined ? '' : 'gzip',
    },
  }
}

export function answerKept(
  http: HttpPort,
  page: ItemPage,
  standing: ItemStanding,
  cache_control: string,
  now_ms: number,
): Answer {
  return answerPage(http, page, standing === 'stale' ? HIT_STALE : HIT, cache_control, now_ms)
}

export function refuseMissing(): Refusal {
  return refuse('not_found', 'item: there is no such item')
}

export function refuseBusy(limit: string, detail: string): Refusal {
  const refusal = refuseFor('busy', detail, RETRY_MS)
  refusal.limit = limit
  return refusal
}

/** Of a request that has waited for the backend; undefined: it is not for this cache, let nginx pass it on. */
export function answerFilled(
  http: HttpPort,
  { outcome, page, collapsed, limit }: FilledItem,
  cache_control: string,
  now_ms: number,
): Answer | Refusal | undefined {
  if (outcome === 'page' && page !== undefined) {
    return answerPage(http, page, collapsed ? COLLAPSED : MISS, cache_control, now_ms)
  }
  if (outcome === 'too_large') return undefined
  if (outcome === 'missing') return refuseMissing()
  if (outcome === 'busy') return refuseBusy(limit, 'Too many pages are being fetched just now.')
  const refusal = refuseFor('unavailable', 'The page of this item cannot be had just now.', RETRY_MS)
  refusal.limit = limit
  return refusal
}

export function cacheControl(client_max_age_s: number): string {
  return client_max_age_s === 0 ? 'public, no-cache' : 'public, max-age=' + client_max_age_s
}
