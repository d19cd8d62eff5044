// Events to Kafka: one idempotent producer in each worker, made in init_worker, because librdkafka's threads do not survive nginx'
// fork. Its threads compress, send and retry; the worker only hands over a copy and polls what became of it.
//
// Guarantee: no call here waits for a broker. What librdkafka has no room for is refused at once.
import * as ffi from 'ffi'
import type { KafkaOption } from './environment'
import type { EventCounts } from './event-counts'
import type { EventSink } from './event-sink'
import {
  ALL_MESSAGES,
  ANY_PARTITION,
  COPY,
  DELIVERIES,
  ERROR,
  FATAL,
  isNull,
  type LibRdKafka,
  LOG,
  librdkafka,
  type Message,
  OK,
  PRODUCER,
  PURGED_IN_FLIGHT,
  PURGED_QUEUE,
  QUEUE_FULL,
  TIMED_OUT,
} from './librdkafka'
import { nowS } from './nginx-calls'

export interface KafkaSettings {
  /** host:port, with commas between */
  brokers: string
  topic: string
  queue_max: number
  queue_kib_max: number
  linger_ms: number
  keep_ms_max: number
  /** of librdkafka, the operator's: they win over ours. May be secrets: never logged */
  options: KafkaOption[]
}

const PROBLEM_BYTES = 512
const problem = ffi.new<ffi.CArray>('char[512]')
/** how often librdkafka's words are repeated in the error log while a broker is away */
const SAY_EVERY_S = 10
/** waiting for reports at the end, ms */
const LAST_POLL_MS = 50
const NOT_PERSISTED = 0

/** Cheap for both: events are alike, so that level 1 packs them nearly as well as 6 at a third of the time. */
const COMPRESSION_LEVEL = '1'

function set(library: LibRdKafka, conf: ffi.CData, name: string, value: string): void {
  if (library.rushgate_kafka_conf_set(conf, name, value, problem, PROBLEM_BYTES) === OK) return
  library.rushgate_kafka_conf_destroy(conf)
  // its own words would show the value
  error('Kafka: librdkafka does not take the option ' + name + ', or not this value', 0)
}

/** Raises with the option that is wrong. */
function configure(library: LibRdKafka, settings: KafkaSettings): ffi.CData {
  const conf = library.rushgate_kafka_conf_new()
  set(library, conf, 'bootstrap.servers', settings.brokers)
  set(library, conf, 'client.id', 'rushgate')
  set(library, conf, 'enable.idempotence', 'true')
  set(library, conf, 'compression.codec', 'gzip')
  set(library, conf, 'compression.level', COMPRESSION_LEVEL)
  set(library, conf, 'queue.buffering.max.messages', tostring(settings.queue_max))
  set(library, conf, 'queue.buffering.max.kbytes', tostring(settings.queue_kib_max))
  set(library, conf, 'linger.ms', tostring(settings.linger_ms))
  set(library, conf, 'message.timeout.ms', tostring(settings.keep_ms_max))
  // back soon after a broker is
  set(library, conf, 'reconnect.backoff.max.ms', '2000')
  set(library, conf, 'log.queue', 'true')
  set(library, conf, 'log.connection.close', 'false')
  for (const { name, value } of settings.options) set(library, conf, name, value)
  library.rushgate_kafka_conf_set_events(conf, DELIVERIES + LOG + ERROR)
  return conf
}

/** In init: is everything there, and does librdkafka take the options? Makes no thread; raises with what to do. */
export function checkKafka(settings: KafkaSettings): void {
  const library = librdkafka()
  library.rushgate_kafka_conf_destroy(configure(library, settings))
}

/** nginx' clock stands still while this blocks */
function freshS(): number {
  ngx.update_time()
  return nowS()
}

interface Client {
  handle: ffi.CData
  queue: ffi.CData
  topic: ffi.CData
}

function connect(library: LibRdKafka, settings: KafkaSettings): Client {
  const conf = configure(library, settings)
  const handle = library.rushgate_kafka_new(PRODUCER, conf, problem, PROBLEM_BYTES)
  if (isNull(handle)) {
    library.rushgate_kafka_conf_destroy(conf)
    error('Kafka: ' + ffi.string(problem), 0)
  }
  library.rushgate_kafka_set_log_queue(handle, undefined)
  const topic = library.rushgate_kafka_topic_new(handle, settings.topic, undefined)
  if (isNull(topic)) error('Kafka: no topic ' + settings.topic, 0)
  return { handle, queue: library.rushgate_kafka_queue(handle), topic }
}

/** Says the first, then one in a while with how many there were. */
function sayer(): (this: void, text: string) => void {
  let said_s = 0
  let unsaid = 0
  return (text) => {
    const now_s = nowS()
    if (now_s - said_s < SAY_EVERY_S) {
      unsaid += 1
      return
    }
    ngx.log(ngx.WARN, 'kafka: ', text, unsaid > 0 ? ' (and ' + tostring(unsaid) + ' more lines)' : '')
    said_s = now_s
    unsaid = 0
  }
}

export function kafkaSink(settings: KafkaSettings, counts: EventCounts): EventSink {
  const library = librdkafka()
  const say = sayer()
  const facility = ffi.new<ffi.CArray>('const char *[1]')
  const line = ffi.new<ffi.CArray>('const char *[1]')
  const level = ffi.new<ffi.CArray>('int[1]')
  let client = connect(library, settings)
  let is_broken = false

  function fail(message: Message, failure: number): void {
    if (library.rushgate_kafka_message_status(message) !== NOT_PERSISTED) counts.drop('unanswered', 1)
    else if (failure === TIMED_OUT) counts.drop('timed_out', 1)
    else if (failure === PURGED_QUEUE || failure === PURGED_IN_FLIGHT) counts.drop('exit', 1)
    else counts.drop('refused', 1)
    if (failure !== PURGED_QUEUE && failure !== PURGED_IN_FLIGHT) {
      say('not delivered: ' + ffi.string(library.rushgate_kafka_error_text(failure)))
    }
  }

  function report(event: ffi.CData): void {
    let delivered = 0
    for (;;) {
      const message = library.rushgate_kafka_event_message(event)
      if (isNull(message)) break
      const failure = message.failure
      if (failure === OK) delivered += 1
      else fail(message, failure)
    }
    counts.deliver(delivered)
  }

  function hear(event: ffi.CData): void {
    const type = library.rushgate_kafka_event_type(event)
    if (type === DELIVERIES) {
      report(event)
    } else if (type === LOG) {
      if (library.rushgate_kafka_event_log(event, facility, line, level) === 0) {
        say(ffi.string((line as unknown as Record<number, ffi.CData>)[0] as ffi.CData))
      }
    } else if (type === ERROR) {
      say(ffi.string(library.rushgate_kafka_event_text(event)))
      if (library.rushgate_kafka_fatal_error(client.handle, problem, PROBLEM_BYTES) !== OK) is_broken = true
    }
  }

  /** Returns whether there was an event. */
  function poll(wait_ms: number): boolean {
    const event = library.rushgate_kafka_poll(client.queue, wait_ms)
    if (isNull(event)) return false
    hear(event)
    library.rushgate_kafka_event_destroy(event)
    return true
  }

  function pollAll(): void {
    while (poll(0)) {
      // as many as there are
    }
  }

  function destroy(): void {
    library.rushgate_kafka_purge(client.handle, ALL_MESSAGES)
    for (let i = 0; i < 20 && counts.queued() > 0; i++) poll(LAST_POLL_MS)
    pollAll()
    library.rushgate_kafka_queue_destroy(client.queue)
    library.rushgate_kafka_topic_destroy(client.topic)
    library.rushgate_kafka_destroy(client.handle)
  }

  return {
    put: (text, bytes) => {
      const outcome = library.rushgate_kafka_produce(
        client.topic,
        ANY_PARTITION,
        COPY,
        text,
        bytes,
        undefined,
        0,
        undefined,
      )
      if (outcome === 0) return undefined
      const failure = library.rushgate_kafka_last_error()
      if (failure === QUEUE_FULL) return 'queue_full'
      if (failure === FATAL) is_broken = true
      return 'refused'
    },
    tend: () => {
      pollAll()
      if (is_broken) {
        // librdkafka says that this producer will never send again: a new one takes its place
        is_broken = false
        ngx.log(ngx.ERR, 'kafka: the producer is made anew: ', ffi.string(problem))
        destroy()
        client = connect(library, settings)
      }
    },
    close: (wait_ms) => {
      const until_s = freshS() + wait_ms / 1000
      while (counts.queued() > 0 && freshS() < until_s) poll(LAST_POLL_MS)
      destroy()
    },
  }
}
