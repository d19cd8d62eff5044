// What operators see of the way of an event from queue to store.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export type HotItemMetrics = ReturnType<typeof createHotItemMetrics>

export function createHotItemMetrics(registry: Registry) {
  const registers = [registry]
  const counter = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Counter({ name: `rushgate_${name}`, help, labelNames, registers })
  return {
    indexed: counter('hot_item_events_indexed_total', 'Events of items put into the store', []),
    duplicates: counter('hot_item_events_duplicate_total', 'Events delivered again that the store had already', []),
    dead: counter('hot_item_events_dead_total', 'Events set aside because they cannot be kept', ['cause']),
    dead_lost: counter('hot_item_events_dead_lost_total', 'Dead events that could not even be set aside', []),
    store_failures: counter(
      'hot_item_store_failures_total',
      'Writes that the store did not take and that were tried again',
      [],
    ),
    store_away: new Gauge({
      name: 'rushgate_hot_item_store_away',
      help: '1 while the store takes nothing and the queue waits',
      registers,
    }),
    bulk_seconds: new Histogram({
      name: 'rushgate_hot_item_bulk_seconds',
      help: 'Duration of one write to the store',
      buckets: SECONDS,
      registers,
    }),
    lag: new Gauge({
      name: 'rushgate_hot_item_lag',
      help: 'What the queue holds and the indexer has not stored: Kafka messages by partition, or entries of the Redis stream',
      labelNames: ['queue'],
      registers,
    }),
    consumers: new Gauge({
      name: 'rushgate_hot_item_consumers',
      help: 'Consumers of this process that are members of their group',
      registers,
    }),
  }
}
