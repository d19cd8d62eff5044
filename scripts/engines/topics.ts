// The topics of one Rushgate. Whoever starts a Kafka for it makes them: nothing makes a topic by asking for it.
import type { Topic } from './kafka'

/** Intents keyed by shard: as many settlers as partitions can share them. Events: three indexers of a group. */
const TOPICS: Topic[] = [
  { topic: 'rushgate.intents', partitions: 6 },
  { topic: 'collection_hot_item', partitions: 3 },
]

export function topicsWithPrefix(prefix: string): Topic[] {
  return TOPICS.map(({ topic, partitions }) => ({ topic: prefix + topic, partitions }))
}
