// Events where there is no Kafka: batches of them to a capped stream on the Redis of volatile data, through its lane.
//
// Guarantee: the request only copies a text into memory; a light thread of a timer sends. What has no room is refused at once, what
// the stream pushes out for newer ones is counted. An entry whose fate is not known is sent again: events carry their ids, and
// whoever drains the stream sees through it.
import * as ffi from 'ffi'
import {
  EVENT_ENTRY_BYTES_MAX,
  EVENT_ENTRY_EVENTS_MAX,
  EVENT_STREAM_ENTRIES_MAX,
  eventStreamKey,
} from '../../../contract/hot-item-event'
import { placeIn } from './crypto'
import type { EventCounts } from './event-counts'
import type { EventSink } from './event-sink'
import { addBatch, type Lane, laneRefusal, openBatch, submit } from './lane'
import { newBatch } from './lane-batch'
import { nowS } from './nginx-calls'
import { askedName, script } from './redis-scripts'
import { addEvents } from './scripts.generated'

const CHANNEL = 'add-events'
const LINE_END = '\n'
const ADD = script('add-events', addEvents, true)

interface Entry {
  text: string
  events: number
  made_s: number
}

interface StreamSettings {
  /** events */
  queue_max: number
  queue_kib_max: number
  keep_ms_max: number
}

export function streamSink(lane: Lane, settings: StreamSettings, counts: EventCounts): EventSink {
  const buffer = ffi.new<ffi.CData>('char[?]', EVENT_ENTRY_BYTES_MAX)
  const bytes_max = settings.queue_kib_max * 1024
  let bytes = 0
  let events = 0
  /** oldest first, from `first` on */
  const entries = new LuaTable<number, Entry>()
  let first = 0
  let end = 0
  /** in entries and in the buffer */
  let events_waiting = 0
  let bytes_waiting = 0
  let is_sending = false

  function closeEntry(): void {
    if (events === 0) return
    entries.set(end, { text: ffi.string(buffer, bytes), events, made_s: nowS() })
    end += 1
    bytes = 0
    events = 0
  }

  function forget(entry: Entry): void {
    entries.delete(first)
    first += 1
    events_waiting -= entry.events
    bytes_waiting -= entry.text.length
  }

  function offer(entry: Entry): string | undefined {
    if (laneRefusal(lane) !== undefined) return undefined
    let batch = openBatch(lane, CHANNEL)
    if (batch === undefined) {
      batch = newBatch(ADD, undefined, '', '', [eventStreamKey()])
      addBatch(lane, CHANNEL, batch)
    }
    const name = askedName()
    const item = name + tostring(EVENT_STREAM_ENTRIES_MAX) + ' ' + tostring(entry.events) + ' ' + entry.text
    return submit(lane, CHANNEL, batch, name, item).line
  }

  function sendAll(): void {
    for (;;) {
      const entry = entries.get(first)
      if (entry === undefined) return
      const pushed_out = offer(entry)
      if (pushed_out !== undefined) {
        counts.deliver(entry.events)
        counts.pushOut(tonumber(pushed_out) ?? 0)
        forget(entry)
      } else if (nowS() - entry.made_s > settings.keep_ms_max / 1000) {
        counts.drop('timed_out', entry.events)
        forget(entry)
      } else {
        return
      }
    }
  }

  return {
    put: (text, text_bytes) => {
      if (events_waiting >= settings.queue_max || bytes_waiting + text_bytes > bytes_max) return 'queue_full'
      if (events >= EVENT_ENTRY_EVENTS_MAX || bytes + text_bytes + 1 > EVENT_ENTRY_BYTES_MAX) closeEntry()
      if (events > 0) {
        ffi.copy(placeIn(buffer, bytes), LINE_END, 1)
        bytes += 1
        bytes_waiting += 1
      }
      ffi.copy(placeIn(buffer, bytes), text, text_bytes)
      bytes += text_bytes
      bytes_waiting += text_bytes
      events += 1
      events_waiting += 1
      return undefined
    },
    tend: () => {
      closeEntry()
      // the one before may still be waiting for Redis
      if (is_sending) return
      is_sending = true
      const [ok, failure] = xpcall(sendAll, debug.traceback)
      is_sending = false
      if (!ok) ngx.log(ngx.ERR, 'events: ', failure)
    },
    // nothing can be sent any more in a worker's last moment
    close: () => counts.drop('exit', counts.queued()),
  }
}
