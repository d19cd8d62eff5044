// The pages that a node keeps: a table of each worker over memory that all workers share.
//
// What is true of a page stands in its entry (zone entries), one short text that is read for every request; the bodies (zone
// bodies) are under names that are never used again, so a worker whose copy is of another stamp than the entry's knows that it is
// old. A page that all workers must see as new is there when its entry is. Zones that are full forget what was asked for
// longest ago; it is counted.
import * as lrucache from 'resty.lrucache'
import type { ItemTimes } from '../domain/item-times'
import type { ItemPage } from '../kernel/items'

export interface ItemZones {
  entries: ngx.SharedDict<string>
  bodies: ngx.SharedDict<string>
  /** short notes that end by themselves: there is no such item */
  marks: ngx.SharedDict<string | number>
  /** nothing in it is ever forgotten: counts the stamps */
  facts: ngx.SharedDict<string | number>
}

interface Entry {
  text: string
  stamp: string
  has_gzip: boolean
  page: ItemPage
  touched_s: number
}

/** What the backend has said of a page. */
interface FetchedPage {
  version: number
  tag: string
  content_type: string
  body: string
  gzip: string | undefined
}

export interface ItemStore {
  get: (this: void, id: string) => ItemPage | undefined
  has: (this: void, id: string) => boolean
  /** false when there was no room for it */
  put: (this: void, id: string, fetched: FetchedPage, times: ItemTimes) => boolean
  /** the page as it is, with other times */
  setTimes: (this: void, id: string, times: ItemTimes) => void
  drop: (this: void, id: string) => void
}

/** stamp, length of what is compressed (0: it is not), version, times, tag, content type */
const ENTRY = '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+) (.*)$'
const STAMPS = 'stamps'
/** larger bodies are not kept by each worker too */
const OWN_BYTES_MAX = 65536
/** so often a page that a worker has of its own counts as asked for in shared memory */
const TOUCH_S = 5

function entryText(stamp: string, gzip_bytes: number, page: FetchedPage | ItemPage, times: ItemTimes): string {
  const { fetched_ms, fresh_until_ms, kept_until_ms } = times
  const numbers = string.format('%d %d %d %d %d', gzip_bytes, page.version, fetched_ms, fresh_until_ms, kept_until_ms)
  return stamp + ' ' + numbers + ' ' + page.tag + ' ' + page.content_type
}

function ownPages(pages_max: number): lrucache.Cache<Entry> {
  const [own] = lrucache.new<Entry>(pages_max)
  if (own === undefined) error('lrucache: no memory for item pages', 0)
  return own as lrucache.Cache<Entry>
}

export function itemStore(
  zones: ItemZones,
  worker_pages_max: number,
  nowS: (this: void) => number,
  countEvicted: (this: void, zone: string) => void,
): ItemStore {
  const { entries, bodies, facts } = zones
  const own = ownPages(worker_pages_max)

  function bodyKey(id: string, stamp: string): string {
    return id + '@' + stamp
  }

  function gzipKey(id: string, stamp: string): string {
    return id + '@' + stamp + 'z'
  }

  function parse(text: string, body: string, gzip: string | undefined, from: ItemPage['from']): Entry | undefined {
    const [stamp, gzip_bytes, version, fetched, fresh, kept, tag, content_type] = string.match(text, ENTRY)
    if (stamp === undefined) return undefined
    const times: ItemTimes = {
      fetched_ms: tonumber(fetched) as number,
      fresh_until_ms: tonumber(fresh) as number,
      kept_until_ms: tonumber(kept) as number,
    }
    const page: ItemPage = {
      content_type: content_type as string,
      tag: tag as string,
      version: tonumber(version) as number,
      times,
      body,
      gzip,
      from,
    }
    return { text, stamp, has_gzip: gzip_bytes !== '0', page, touched_s: nowS() }
  }

  /** undefined when its body has been forgotten, or replaced between two looks. */
  function load(id: string, text: string, known: Entry | undefined): Entry | undefined {
    const [stamp, gzip_bytes] = string.match(text, '^(%d+) (%d+)')
    if (stamp === undefined) return undefined
    if (known !== undefined && known.stamp === stamp) return parse(text, known.page.body, known.page.gzip, 'worker')
    const [body] = bodies.get(bodyKey(id, stamp))
    if (body === undefined) return undefined
    const [gzip] = gzip_bytes === '0' ? [undefined] : bodies.get(gzipKey(id, stamp))
    return parse(text, body, gzip, 'node')
  }

  function touch(id: string, entry: Entry): void {
    entry.touched_s = nowS()
    bodies.get(bodyKey(id, entry.stamp))
    if (entry.has_gzip) bodies.get(gzipKey(id, entry.stamp))
  }

  function get(id: string): ItemPage | undefined {
    let [text] = entries.get(id)
    if (text === undefined) return undefined
    const [known] = own.get(id)
    if (known !== undefined && known.text === text) {
      if (nowS() - known.touched_s > TOUCH_S) touch(id, known)
      known.page.from = 'worker'
      return known.page
    }
    let loaded = load(id, text, known)
    if (loaded === undefined) {
      ;[text] = entries.get(id)
      loaded = text === undefined ? undefined : load(id, text, known)
      if (loaded === undefined) return undefined
    }
    const page = loaded.page
    if (page.body.length <= OWN_BYTES_MAX) own.set(id, loaded)
    return page
  }

  function store(zone: ngx.SharedDict<string>, name: string, key: string, value: string): boolean {
    const [kept, , forcible] = zone.set(key, value)
    if (forcible) countEvicted(name)
    return kept === true
  }

  function forgetBodies(id: string, text: string | undefined): void {
    if (text === undefined) return
    const [stamp] = string.match(text, '^(%d+)')
    if (stamp === undefined) return
    bodies.delete(bodyKey(id, stamp))
    bodies.delete(gzipKey(id, stamp))
  }

  function put(id: string, fetched: FetchedPage, times: ItemTimes): boolean {
    const [number] = facts.incr(STAMPS, 1, 0)
    const stamp = string.format('%d', number ?? 0)
    const [before] = entries.get(id)
    const { body, gzip } = fetched
    if (!store(bodies, 'bodies', bodyKey(id, stamp), body)) return false
    let gzip_bytes = 0
    if (gzip !== undefined && store(bodies, 'bodies', gzipKey(id, stamp), gzip)) gzip_bytes = gzip.length
    const is_there = store(entries, 'entries', id, entryText(stamp, gzip_bytes, fetched, times))
    forgetBodies(id, before)
    return is_there
  }

  function setTimes(id: string, times: ItemTimes): void {
    const [before] = entries.get(id)
    if (before === undefined) return
    const [stamp, gzip_bytes, version, , , , tag, content_type] = string.match(before, ENTRY)
    if (stamp === undefined) return
    const page: FetchedPage = {
      version: tonumber(version) as number,
      tag: tag as string,
      content_type: content_type as string,
      body: '',
      gzip: undefined,
    }
    store(entries, 'entries', id, entryText(stamp, tonumber(gzip_bytes) as number, page, times))
  }

  function drop(id: string): void {
    const [before] = entries.get(id)
    entries.delete(id)
    forgetBodies(id, before)
    own.delete(id)
  }

  return { get, has: (id) => entries.get(id)[0] !== undefined, put, setTimes, drop }
}
