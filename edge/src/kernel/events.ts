// Events of items (contract/hot-item-event.ts): what plugins see of them, and their settings.
import { HOT_ITEM_TOPIC } from '../../../contract/hot-item-event'
import type { GateRequest } from './request'
import { type Infer, integer, number, object, string, type TextRule } from './schema'

export interface EventsPort {
  /**
   * Records that this request asked for `item` and got `status`. Never waits and never fails: what finds no room is dropped and
   * counted. Called in a plugin's `done`, when the status is known. What is no item's id ([a-z0-9_-], 1 to 64) is not recorded.
   */
  record: (this: void, request: GateRequest, item: string, status: number) => void
}

const TOPIC_LENGTH_MAX = 200
const PLAIN = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-'

function isTopic(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (PLAIN.indexOf(text.substring(i, i + 1)) < 0) return false
  return text.length > 0
}

const topicRule: TextRule = {
  rule: 'have letters, digits, ".", "_" and "-" only',
  test: isTopic,
  pattern: '^[A-Za-z0-9._-]+$',
}

export const eventsSchema = object(
  'Events of items: to Kafka (KAFKA_BROKERS), or without it to a capped stream on the Redis of REDIS_VOLATILE_URL.',
  {
    topic: string({
      length_min: 1,
      length_max: TOPIC_LENGTH_MAX,
      matches: topicRule,
      default: HOT_ITEM_TOPIC,
      description: 'The topic, behind what KAFKA_TOPIC_PREFIX says.',
    }),
    sample: number({
      min: 0,
      max: 1,
      unit: 'share',
      default: 1,
      description: 'The share of events that is recorded, drawn by lot; the others get no number and are not counted.',
    }),
    queue_max: integer({
      min: 1000,
      max: 10000000,
      unit: 'events',
      default: 100000,
      description: 'Events of one worker that may wait to be delivered; beyond it new ones are dropped and counted.',
    }),
    queue_kib_max: integer({
      min: 1024,
      max: 4194304,
      unit: 'KiB',
      default: 65536,
      description: 'The same in size of their texts; what else librdkafka keeps is about 200 bytes an event.',
    }),
    linger_ms: integer({
      min: 0,
      max: 10000,
      unit: 'milliseconds',
      default: 100,
      description: 'How long an event waits for others to travel with: longer is cheaper.',
    }),
    keep_ms_max: integer({
      min: 1000,
      max: 3600000,
      unit: 'milliseconds',
      default: 120000,
      description: 'How long it is tried to deliver an event; after it, it is dropped and counted.',
    }),
    exit_ms_max: integer({
      min: 0,
      max: 600000,
      unit: 'milliseconds',
      default: 25000,
      description:
        'How long a worker that was told to end (reload, quit) stays until its events are delivered; the others are dropped and counted. Requests are not held up by it. A fast stop (SIGTERM) leaves 1 s.',
    }),
  },
)

export type EventsSettings = Infer<typeof eventsSchema>
