// Events of items: one for each request that asked for an item, from the gate to whoever counts them.
//
// Each is one JSON object, a Kafka message of its own (without a key, in the topic HOT_ITEM_TOPIC) or a line of an entry of the
// capped Redis stream where there is no Kafka:
//
//   {"uri":"/web/item/shoe","ip":"192.0.2.7","token":"…22 characters…","actime":"2026-01-01T12:00:00.123Z","sku":"shoe",
//    "agent":"chromium","status":200,"node":"gate-1","worker":"5f0c…16 characters…","seq":17}
//
// uri     the path as it was sent, without its query; what is a token in it is left out
// token   who asked: base64url of the first 16 bytes of HMAC-SHA256(HKDF subkey "event", user), so that nobody reads it back and one
//         user is the same everywhere; '' for nobody in particular
// actime  when, by the gate's clock
// worker, seq   every worker of every gate takes a new random name when it starts, and numbers its events 1, 2, 3, … in the order
//         it records them. A number that is missing is an event that was dropped or died with its worker. Both together name the
//         event: delivered twice, it is one document.

/** before it, the environment's KAFKA_TOPIC_PREFIX */
export const HOT_ITEM_TOPIC = 'collection_hot_item'

/** Longer paths are cut there, in bytes as they were sent: an event has room for it even where every byte must be escaped. */
export const EVENT_URI_LENGTH_MAX = 512
/** bytes of the HMAC in `token`, and its length in base64url */
export const EVENT_TOKEN_BYTES = 16
export const EVENT_TOKEN_LENGTH = 22
/** characters of `worker`, lower-case hexadecimal */
export const EVENT_WORKER_LENGTH = 16

/** What a User-Agent claims to be: edge/src/domain/user-agent.ts. */
export const EVENT_AGENTS = ['chromium', 'firefox', 'safari', 'webview', 'other', 'none'] as const
export type EventAgent = (typeof EVENT_AGENTS)[number]

export interface HotItemEvent {
  uri: string
  ip: string
  token: string
  /** RFC 3339, UTC, milliseconds */
  actime: string
  sku: string
  agent: EventAgent
  status: number
  node: string
  worker: string
  seq: number
}

/** Deterministic: what is delivered again is the same document. */
export function eventId(event: { worker: string; seq: number }): string {
  return event.worker + '-' + event.seq
}

const HEXADECIMAL = '0123456789abcdef'

/** As it stands in JSON between quotes. Bytes from 128 on are left as they are: they must be UTF-8. */
export function escapedText(text: string): string {
  let escaped = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code === 34 || code === 92 || code === 127) {
      const high = Math.floor(code / 16)
      const low = code % 16
      escaped +=
        text.substring(from, i) + '\\u00' + HEXADECIMAL.substring(high, high + 1) + HEXADECIMAL.substring(low, low + 1)
      from = i + 1
    }
  }
  return from === 0 ? text : escaped + text.substring(from)
}

/** The event's text. The gate writes the same into memory (edge/src/adapters/event-text.ts). */
export function printEvent(event: HotItemEvent): string {
  return (
    '{"uri":"' +
    escapedText(event.uri) +
    '","ip":"' +
    escapedText(event.ip) +
    '","token":"' +
    escapedText(event.token) +
    '","actime":"' +
    escapedText(event.actime) +
    '","sku":"' +
    escapedText(event.sku) +
    '","agent":"' +
    event.agent +
    '","status":' +
    event.status +
    ',"node":"' +
    escapedText(event.node) +
    '","worker":"' +
    escapedText(event.worker) +
    '","seq":' +
    event.seq +
    '}'
  )
}

const TEXT_LENGTH_MAX: Record<string, number> = {
  uri: EVENT_URI_LENGTH_MAX,
  ip: 45,
  token: EVENT_TOKEN_LENGTH,
  actime: 24,
  sku: 64,
  agent: 16,
  node: 255,
  worker: EVENT_WORKER_LENGTH,
}
const TEXTS = ['uri', 'ip', 'token', 'actime', 'sku', 'agent', 'node', 'worker'] as const
const MAY_BE_EMPTY: Record<string, boolean> = { uri: true, ip: true, token: true }

function isIntegerWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max && Math.floor(value) === value
}

/** 2026-01-01T12:00:00.123Z: digits and marks at their places */
function isTime(text: string): boolean {
  const shape = '0000-00-00T00:00:00.000Z'
  if (text.length !== shape.length) return false
  for (let i = 0; i < shape.length; i++) {
    const wanted = shape.charCodeAt(i)
    const code = text.charCodeAt(i)
    if (wanted === 48 ? code < 48 || code > 57 : code !== wanted) return false
  }
  return true
}

function isWorker(text: string): boolean {
  if (text.length !== EVENT_WORKER_LENGTH) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
  }
  return true
}

/**
 * Of what a JSON parser made of an event's text: the event, or a sentence that says what is wrong. Members that are not known
 * here are left out: a newer gate may say more.
 */
export function readEvent(value: unknown): HotItemEvent | string {
  if (typeof value !== 'object' || !value) return 'must be an object'
  const given = value as Record<string, unknown>
  for (const name of TEXTS) {
    const text = given[name]
    if (typeof text !== 'string') return name + ' must be a text'
    if (text.length > (TEXT_LENGTH_MAX[name] as number)) return name + ' is too long'
    if (text.length === 0 && MAY_BE_EMPTY[name] !== true) return name + ' must not be empty'
  }
  const event = given as unknown as HotItemEvent
  if (!isTime(event.actime)) return 'actime must be RFC 3339 in UTC with milliseconds'
  if (!isWorker(event.worker)) return 'worker must be 16 hexadecimal digits'
  let is_agent = false
  for (const agent of EVENT_AGENTS) if (agent === event.agent) is_agent = true
  if (!is_agent) return 'agent must be one that is known'
  if (!isIntegerWithin(event.status, 100, 999)) return 'status must be a whole number from 100 to 999'
  if (!isIntegerWithin(event.seq, 1, 9007199254740991)) return 'seq must be a whole number from 1'
  return {
    uri: event.uri,
    ip: event.ip,
    token: event.token,
    actime: event.actime,
    sku: event.sku,
    agent: event.agent,
    status: event.status,
    node: event.node,
    worker: event.worker,
    seq: event.seq,
  }
}

// Without Kafka: a stream on the Redis of volatile data. Each entry is one batch of a worker: field `n` how many events, field `e`
// their texts with line ends between. Whoever drains it deletes what it has stored (XACK, XDEL): what is in the stream is what nobody
// has yet, and when EVENT_STREAM_ENTRIES_MAX is reached each new entry pushes out the oldest, which the gate counts as dropped.

export const EVENT_STREAM_ENTRIES_MAX = 4096
/** bytes of texts in one entry, so that the stream is bounded in memory too: 256 MiB at the very worst, a tenth of it as a rule */
export const EVENT_ENTRY_BYTES_MAX = 65536
/** events in one entry */
export const EVENT_ENTRY_EVENTS_MAX = 256

/** stream */
export function eventStreamKey(): string {
  return 'rg1:{events}:hot-items'
}
