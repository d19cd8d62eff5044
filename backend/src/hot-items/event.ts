// From what a gate sent to what is kept: text to event, checked once, with its id and its day.
import { eventId, readEvent } from '../../../contract/hot-item-event'
import { addressText, parseAddress } from '../../../edge/src/domain/address'
import { dayOf, type KeptEvent } from './store'

/** Longer than the longest event with every byte escaped. */
export const EVENT_BYTES_MAX = 8192
/** Clocks of gates may be ahead by so much; what is further ahead would make a day of its own. */
const AHEAD_MS_MAX = 86_400_000

/** As it came, and why it cannot be kept. */
export interface DeadLetter {
  bytes: Buffer
  reason: string
  /** one word, for the counter */
  cause: 'unreadable' | 'too_old' | 'ahead' | 'rejected'
  /** topic and place, for whoever looks it up */
  from: string
}

interface TimeRange {
  now_ms: number
  /** days before it are deleted: events of them would make them again */
  oldest_day: string
}

export type Read = KeptEvent | Pick<DeadLetter, 'reason' | 'cause'>

export function isKept(read: Read): read is KeptEvent {
  return 'event' in read
}

function unreadable(reason: string): Read {
  return { cause: 'unreadable', reason }
}

export function readEventText(bytes: Buffer, { now_ms, oldest_day }: TimeRange): Read {
  if (bytes.length > EVENT_BYTES_MAX) return unreadable(`has more than ${EVENT_BYTES_MAX} bytes`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return unreadable('is not JSON')
  }
  const event = readEvent(value)
  if (typeof event === 'string') return unreadable(event)
  if (event.ip !== '') {
    const address = parseAddress(event.ip)
    if (address === undefined) return unreadable('ip must be an address')
    // one form, because stores show some as they came and some as they compare them
    event.ip = addressText(address)
  }
  for (const text of [event.uri, event.token, event.sku, event.node]) {
    if (text.includes('\0')) return unreadable('must be without zero bytes')
  }
  const at_ms = Date.parse(event.actime)
  if (Number.isNaN(at_ms) || new Date(at_ms).toISOString() !== event.actime) {
    return unreadable('actime must be a time that there is')
  }
  const day = dayOf(at_ms)
  if (day < oldest_day)
    return { cause: 'too_old', reason: `actime is before ${oldest_day}, and those days are deleted` }
  if (at_ms > now_ms + AHEAD_MS_MAX) return { cause: 'ahead', reason: 'actime is more than a day ahead' }
  return { id: eventId(event), day, at_ms, event }
}
