// The pages of items as this node has them: what the plugin item-cache asks and tells.
import type { ItemRules, ItemTimes } from '../domain/item-times'

export interface ItemPage {
  content_type: string
  /** W/"…": the same at every node */
  tag: string
  /** of the product, as the backend counts; 0 when it did not say */
  version: number
  times: ItemTimes
  body: string
  /** the same compressed; undefined where that gains nothing */
  gzip: string | undefined
  /** this worker's own memory, or the node's */
  from: 'worker' | 'node'
}

export interface ItemSettings {
  rules: ItemRules
  /** pages that a worker keeps of its own, beside those that the node keeps for all of them */
  worker_pages_max: number
  /** larger ones are passed on and not kept */
  page_bytes_max: number
  connect_ms_max: number
  answer_ms_max: number
  /** how long a request waits for a page that is being fetched */
  wait_ms_max: number
  /** requests of a worker that may wait */
  waiting_max: number
  /** pages that a worker fetches at once */
  fetches_max: number
}

/**
 * page: here it is; missing: there is no such item; too_large: the backend has it, but it is not kept; late, busy: a ceiling was
 * reached, which `limit` names; failed: the backend did not answer
 */
export interface FilledItem {
  outcome: 'page' | 'missing' | 'too_large' | 'late' | 'busy' | 'failed'
  page?: ItemPage
  /** another request's fetch brought it */
  collapsed: boolean
  limit: string
}

export interface ItemsPort {
  /** what this node has; does not wait */
  page: (this: void, id: string) => ItemPage | undefined
  /** the backend has said so, a moment ago */
  isMissing: (this: void, id: string) => boolean
  /** no: there is no such product; maybe: it is known, or one of the few that the filter is wrong about; unsure: no filter yet */
  knows: (this: void, id: string) => 'maybe' | 'no' | 'unsure'
  isHot: (this: void, id: string) => boolean
  /** to be fetched anew beside this request, once for all who ask for it */
  refresh: (this: void, id: string) => void
}
