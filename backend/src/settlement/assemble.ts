// The parts of settlement that a process has, by its roles.
import type { Redis } from 'ioredis'
import type { Config } from '../config'
import type { Ledger, StatusChange } from '../ledger/port'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { createRedisClient } from '../redis/client'
import type { SalesFollower } from '../sales/follower'
import { INTENTS_TOPIC, SETTLERS_GROUP } from './intent-message'
import { KafkaSource } from './kafka-source'
import type { Publisher } from './publisher'
import { Redelivery } from './redelivery'
import { Relay } from './relay'
import { type IntentSource, Settling } from './settling'
import { StreamSource } from './stream-source'
import { Trimmer } from './trimmer'

interface SettlementParts {
  config: Config
  ledger: Ledger
  redis: Redis
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  publisher: Publisher
  /** there may be returns to carry to Redis */
  onReturns: () => void
}

interface Part {
  start(): void
  stop(): Promise<void>
}

/** How intents travel by Kafka; undefined where they do not. */
export function intentsTopic(config: Config): { brokers: string[]; topic: string; group: string } | undefined {
  const { kafka_brokers, kafka_topic_prefix } = config
  if (kafka_brokers === undefined) return undefined
  return {
    brokers: kafka_brokers,
    topic: kafka_topic_prefix + INTENTS_TOPIC,
    group: kafka_topic_prefix + SETTLERS_GROUP,
  }
}

/** In the order in which they are stopped. */
export function settlementParts(given: SettlementParts): Part[] {
  const { config, ledger, redis, sales, metrics, log } = given
  const kafka = intentsTopic(config)
  const parts: Part[] = []
  const closing: Part[] = []
  const redelivery = new Redelivery({ ledger, redis, sales, log })
  const reading = (name: string) => {
    const blocking = createRedisClient({ url: config.redis_url, name, log, metrics, command_timeout: false })
    closing.push({ start: () => undefined, stop: async () => blocking.disconnect() })
    return { redis, blocking, sales, metrics, log, redelivery }
  }
  const { instance } = config
  if (kafka !== undefined && config.roles.includes('relay')) {
    parts.push(new Relay({ ...reading('relay'), ...kafka, instance }))
  }
  if (config.roles.includes('settler')) {
    const settling = newSettling(given)
    const source: IntentSource =
      kafka === undefined
        ? new StreamSource(settling, { ...reading('settler'), consumer: instance })
        : new KafkaSource(settling, { ...kafka, ledger, metrics, log })
    parts.push(source, given.publisher, new Trimmer({ ledger, redis, sales, metrics, log, redelivery }))
  }
  return [...parts, ...closing]
}

function newSettling({ ledger, redis, sales, metrics, log, publisher, onReturns }: SettlementParts): Settling {
  const onSettled = (announced: StatusChange[]) => {
    if (announced.length > 0) publisher.take(announced)
    else publisher.kick()
    onReturns()
  }
  return new Settling({ ledger, redis, sales, metrics, log, onSettled })
}
