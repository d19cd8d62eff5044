// Events of items in this worker: numbered, sampled, written and handed to where they go; counted whatever becomes of them.
//
// Guarantee: a request never waits for them, and recorded = delivered + dropped + queued (event-counts.ts). A worker that is told to
// end stays until its events are delivered, events.exit_ms_max at most; requests that it still serves go on meanwhile.
import type { EventsPort, EventsSettings } from '../kernel/events'
import { hmacKey, subkey } from './crypto'
import type { KafkaEnvironment, Secret } from './environment'
import { eventCounts } from './event-counts'
import type { EventSink } from './event-sink'
import { streamSink } from './event-stream'
import { eventText } from './event-text'
import { checkKafka, type KafkaSettings, kafkaSink } from './kafka'
import type { Lane } from './lane'
import { nowS } from './nginx-calls'
import { hostName } from './receipts'
import { startTimer } from './timers'

const TEND_S = 0.1
const LOOK_S = 0.05
/** in the last moment of a worker that was told to quit: for what late requests recorded */
const LAST_MS = 2000
/** nginx' master kills what has not ended 1.5 s after SIGTERM */
const FAST_LAST_MS = 1000

export interface Events {
  port: EventsPort
  /** starts its timers, in init_worker */
  start: (this: void) => void
  /** to the metrics */
  pour: (this: void) => void
  /** When the worker was told to end: waits, in a timer's light thread, until all is delivered. */
  drain: (this: void) => void
  /** The worker's last moment: whatever is still queued is waited for briefly, then given up and counted. */
  close: (this: void) => void
}

function kafkaSettings(kafka: KafkaEnvironment, settings: EventsSettings): KafkaSettings {
  return {
    brokers: kafka.brokers,
    topic: kafka.topic_prefix + settings.topic,
    queue_max: settings.queue_max,
    queue_kib_max: settings.queue_kib_max,
    linger_ms: settings.linger_ms,
    keep_ms_max: settings.keep_ms_max,
    options: kafka.options,
  }
}

/** In init: raises with what to do when events cannot go to the Kafka that was named. */
export function checkEvents(kafka: KafkaEnvironment, settings: EventsSettings): void {
  if (kafka.brokers !== '') checkKafka(kafkaSettings(kafka, settings))
}

/** One for each worker. `volatile_lane` is used where there is no Kafka. */
export function newEvents(
  kafka: KafkaEnvironment,
  settings: EventsSettings,
  secret: Secret,
  volatile_lane: Lane,
  shared: ngx.SharedDict<number>,
): Events {
  const counts = eventCounts(shared)
  const text = eventText(hmacKey(subkey(secret.secret, 'event')), hostName(), counts.worker)
  const sink: EventSink =
    kafka.brokers === ''
      ? streamSink(volatile_lane, settings, counts)
      : kafkaSink(kafkaSettings(kafka, settings), counts)
  const { sample, exit_ms_max } = settings

  function tend(premature: boolean): void {
    if (!premature) sink.tend()
  }

  return {
    port: {
      record: (request, item, status) => {
        if (sample < 1 && math.random() >= sample) return
        const bytes = text.write(request, item, status, counts.next())
        if (bytes === 0) return
        counts.record()
        const problem = sink.put(text.buffer, bytes)
        if (problem !== undefined) counts.drop(problem, 1)
      },
    },
    start: () => startTimer(TEND_S, tend, true),
    pour: counts.pour,
    drain: () => {
      const until_s = nowS() + exit_ms_max / 1000
      sink.tend()
      while (counts.queued() > 0 && nowS() < until_s) {
        ngx.sleep(LOOK_S)
        sink.tend()
      }
      counts.pour()
    },
    close: () => {
      sink.close(ngx.worker.exiting() ? LAST_MS : FAST_LAST_MS)
      const summary = counts.close()
      ngx.log(ngx.NOTICE, 'events: worker ', counts.worker, ' ended: ', summary)
    },
  }
}
