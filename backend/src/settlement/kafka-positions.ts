// How far each partition of the topic of intents goes, and how far its settlers are.
import type { Admin } from 'kafkajs'

export interface Position {
  /** the first offset that there still is */
  begin: number
  /** the next to be written */
  end: number
  /** the next to be settled */
  settled: number
}

/** By partition. */
export type Positions = Map<number, Position>

export async function readPositions(admin: Admin, topic: string, group: string): Promise<Positions> {
  const [ends, groups] = [
    await admin.fetchTopicOffsets(topic),
    await admin.fetchOffsets({ groupId: group, topics: [topic] }),
  ]
  const committed = new Map(groups[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  const positions: Positions = new Map()
  for (const { partition, low, high } of ends) {
    const [begin, end] = [Number(low), Number(high)]
    // −1: none was ever committed; below the beginning: what was there has gone
    positions.set(partition, { begin, end, settled: Math.max(begin, committed.get(partition) ?? -1) })
  }
  return positions
}

/** Messages that are not settled. */
export function lagOf(positions: Positions): number {
  let lag = 0
  for (const { end, settled } of positions.values()) lag += Math.max(0, end - settled)
  return lag
}
