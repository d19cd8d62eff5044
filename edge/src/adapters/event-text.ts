// An event's text, written into memory that is used again for the next: what contract/hot-item-event.ts prints.
//
// Nothing here makes a text for each event: its parts are texts that are there already (of routes, items, User-Agents) or digits.
import * as ffi from 'ffi'
import {
  EVENT_TOKEN_BYTES,
  EVENT_TOKEN_LENGTH,
  EVENT_URI_LENGTH_MAX,
  type EventAgent,
} from '../../../contract/hot-item-event'
import { isId, type Route, upstreamPath } from '../domain/route'
import { rfc3339 } from '../domain/time'
import { readUserAgent } from '../domain/user-agent'
import type { GateRequest } from '../kernel/request'
import { type HmacKey, placeIn, writeMac } from './crypto'
import { variable } from './nginx-calls'

/** more than the longest event: parts have lengths that are bounded */
const BUFFER_BYTES = 2048
/** addresses are shorter; what is longer is cut */
const ADDRESS_LENGTH_MAX = 45
/** paths, items and User-Agents whose part of the text a worker remembers; past it all are forgotten */
const KEPT_MAX = 4096
const AGENT_LENGTH_MAX = 512
/** up to and with the dot before the milliseconds */
const SECOND_LENGTH = 20

const STATUS_MIN = 100
/** as nginx calls it when the client left before there was a status */
const CLIENT_GONE = '499'

const THOUSAND = 1000
const three_digits: string[] = []
for (const number of $range(0, THOUSAND - 1)) three_digits[number] = string.format('%03d', number)

/** Texts made from texts, as many as KEPT_MAX: then all are forgotten. */
interface Remembered {
  texts: LuaTable<string, string>
  count: number
}

function nothingYet(): Remembered {
  return { texts: new LuaTable(), count: 0 }
}

function remember(into: Remembered, key: string, text: string): void {
  if (into.count >= KEPT_MAX) {
    into.texts = new LuaTable()
    into.count = 0
  }
  into.texts.set(key, text)
  into.count += 1
}

/** The path as the route has it: what was matched, without query and without what is a token. */
function eventPath(route: Route): string {
  switch (route.name) {
    case 'item':
      return '/web/item/' + route.subject
    case 'ticket':
      return '/sales/' + route.subject + '/tickets/'
    case 'sandbox':
      return '/sandbox/pay/'
    default:
      return upstreamPath(route).substring(0, EVENT_URI_LENGTH_MAX)
  }
}

function agentClass(text: string): EventAgent {
  return readUserAgent(text).family
}

interface EventText {
  /** where it stands after `write` */
  buffer: ffi.CData
  /** The bytes of the text; 0 when `item` is no item's id. */
  write: (this: void, request: GateRequest, item: string, status: number, number: number) => number
}

/** `key`: of the HMAC over users; `node` and `worker` as they stand in JSON. */
export function eventText(key: HmacKey, node: string, worker: string): EventText {
  const buffer = ffi.new<ffi.CData>('char[?]', BUFFER_BYTES)
  const heads = new LuaTable<string, Remembered>()
  const skus = nothingYet()
  const agents = nothingYet()
  const before_number = ',"node":"' + node + '","worker":"' + worker + '","seq":'
  let second = -1
  let second_text = ''
  let thousands = -1
  let thousands_text = ''

  function headOf(route: Route): string {
    let of_name = heads.get(route.name)
    if (of_name === undefined) {
      of_name = nothingYet()
      heads.set(route.name, of_name)
    }
    const known = of_name.texts.get(route.subject)
    if (known !== undefined) return known
    const made = '{"uri":"' + eventPath(route) + '","ip":"'
    remember(of_name, route.subject, made)
    return made
  }

  function skuPart(item: string): string | undefined {
    const known = skus.texts.get(item)
    if (known !== undefined) return known
    if (!isId(item)) return undefined
    const made = 'Z","sku":"' + item + '","agent":"'
    remember(skus, item, made)
    return made
  }

  function agentPart(): string {
    const text = variable('http_user_agent') ?? ''
    const known = agents.texts.get(text)
    if (known !== undefined) return known
    const made = agentClass(text) + '","status":'
    // a long one is no browser's, and nobody fills the worker's memory with it
    if (text.length <= AGENT_LENGTH_MAX) remember(agents, text, made)
    return made
  }

  function put(at: number, text: string, bytes: number): number {
    ffi.copy(placeIn(buffer, at), text, bytes)
    return at + bytes
  }

  function putTime(at: number, ms: number): number {
    const whole = Math.floor(ms / THOUSAND)
    if (whole !== second) {
      second = whole
      second_text = '","actime":"' + rfc3339(whole * THOUSAND).substring(0, SECOND_LENGTH)
    }
    const next = put(at, second_text, second_text.length)
    return put(next, three_digits[Math.floor(ms) - whole * THOUSAND] as string, 3)
  }

  function putNumber(at: number, number: number): number {
    const whole = Math.floor(number / THOUSAND)
    if (whole !== thousands) {
      thousands = whole
      thousands_text = string.format('%d', whole)
    }
    if (whole === 0) {
      const few = string.format('%d', number)
      return put(at, few, few.length)
    }
    const next = put(at, thousands_text, thousands_text.length)
    return put(next, three_digits[number - whole * THOUSAND] as string, 3)
  }

  function write(request: GateRequest, item: string, status: number, number: number): number {
    const sku = skuPart(item)
    if (sku === undefined) return 0
    const agent = agentPart()
    const head = headOf(request.route)
    const { address, user } = request
    let at = put(0, head, head.length)
    at = put(at, address, Math.min(address.length, ADDRESS_LENGTH_MAX))
    at = put(at, '","token":"', 11)
    if (user !== '') {
      writeMac(key, user, EVENT_TOKEN_BYTES, placeIn(buffer, at))
      at += EVENT_TOKEN_LENGTH
    }
    at = putTime(at, request.now_ms)
    at = put(at, sku, sku.length)
    at = put(at, agent, agent.length)
    at = put(at, status >= STATUS_MIN && status < THOUSAND ? (three_digits[status] as string) : CLIENT_GONE, 3)
    at = put(at, before_number, before_number.length)
    at = putNumber(at, number)
    return put(at, '}', 1)
  }

  return { buffer, write }
}
