// Events of items, put together: which store, which queue, and who asks follows from the configuration and the roles.
import { join } from 'node:path'
import type { Router } from 'express'
import type { Kafka } from 'kafkajs'
import { HOT_ITEM_TOPIC } from '../../../contract/hot-item-event'
import type { Config } from '../config'
import { PgliteDb } from '../db/pglite'
import { PostgresDb } from '../db/postgres'
import { apiRolesIn } from '../http/api-roles'
import type { Authenticator } from '../http/auth'
import { createKafka } from '../kafka/client'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { createRedisClient } from '../redis/client'
import { ElasticStore, HOT_ITEM_INDEX } from './elastic-store'
import { type DeadLetters, Indexer } from './indexer'
import { KafkaDeadLetters, KafkaSource } from './kafka-source'
import { createHotItemMetrics } from './metrics'
import { RedisDeadLetters, RedisSource } from './redis-source'
import { Reindexer } from './reindexer'
import { addHotItemRoutes } from './routes'
import { SqlStore } from './sql-store'
import type { HotItemStore } from './store'

/** Beside the ledger's own, so that neither takes the other's. */
const CONNECTIONS_MAX = 4

interface HotItemsOptions {
  config: Config
  log: Logger
  metrics: Metrics
  now: () => number
}

interface Part {
  start(): void
  stop(): Promise<void>
}

export class HotItems {
  readonly store: HotItemStore
  private readonly reindexer: Reindexer | undefined
  /** in the order in which they are stopped */
  private readonly parts: Part[] = []

  constructor(private readonly options: HotItemsOptions) {
    const { config } = options
    this.store = storeOf(options)
    const indexes = config.roles.includes('indexer')
    if (config.kafka_brokers !== undefined) {
      // one client a process; connections come with use
      const kafka = createKafka({ brokers: config.kafka_brokers, name: 'indexer', log: options.log })
      if (indexes || apiRolesIn(config.roles).includes('operations')) this.reindexer = this.ofKafka(kafka, indexes)
    } else if (indexes) this.ofRedis()
  }

  addRoutes(router: Router, auth: Authenticator): void {
    addHotItemRoutes(router, { store: this.store, auth, reindexer: this.reindexer, now: this.options.now })
  }

  /** Waits for nobody: queue and store may come later. */
  start(): void {
    for (const part of this.parts) part.start()
  }

  async stop(): Promise<void> {
    await this.reindexer?.stop()
    for (const part of this.parts) await part.stop()
    await this.store.close()
  }

  private ofKafka(kafka: Kafka, indexes: boolean): Reindexer {
    const { config, log, metrics } = this.options
    const topic = `${config.kafka_topic_prefix}${HOT_ITEM_TOPIC}`
    const group = `${config.kafka_topic_prefix}indexers`
    const dead = new KafkaDeadLetters(kafka, topic)
    const { indexer, counts } = this.indexer(dead)
    if (indexes) {
      const consumers = config.hot_item_consumers
      this.parts.push(new KafkaSource({ kafka, topic, group, consumers, indexer, log, metrics, counts }), indexer)
    }
    this.parts.push({ start: () => undefined, stop: () => dead.close() })
    return new Reindexer({ kafka, topic, group, indexer, log })
  }

  private ofRedis(): void {
    const { config, log, metrics } = this.options
    const url = config.redis_volatile_url
    const redis = createRedisClient({ url, name: 'hot-items', log, metrics })
    const blocking = createRedisClient({ url, name: 'indexer', log, metrics, command_timeout: false })
    const { indexer, counts } = this.indexer(new RedisDeadLetters(redis))
    this.parts.push(
      new RedisSource({ redis, blocking, instance: config.instance, indexer, log, metrics, counts }),
      indexer,
      { start: () => undefined, stop: async () => redis.disconnect() },
    )
  }

  private indexer(dead: DeadLetters) {
    const { config, log, metrics, now } = this.options
    const counts = createHotItemMetrics(metrics.registry)
    const retention_days = config.hot_item_retention_days
    return {
      counts,
      indexer: new Indexer({ store: this.store, dead, retention_days, log, metrics, counts, now }),
    }
  }
}

function storeOf({ config, log }: HotItemsOptions): HotItemStore {
  const { elasticsearch_url: url, elasticsearch_index_prefix: prefix, database_url } = config
  if (url !== undefined) return new ElasticStore({ url, index: `${prefix}${HOT_ITEM_INDEX}` })
  if (database_url === undefined) return new SqlStore('pglite', () => PgliteDb.open(join(config.data_dir, 'hot-items')))
  const onError = (error: Error) => log.warn({ reason: error.message }, 'connection to the database of hot items lost')
  const open = async () => new PostgresDb({ database_url, connections_max: CONNECTIONS_MAX, onError })
  return new SqlStore('postgres', open)
}
