// Visits on their way to the database: gathered for a second and written together, so that looking around costs buying nothing. What
// a process has in hand is lost with it; when there is too much, new ones are dropped and counted.
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { Histories, Visit } from './history'
import type { HistoryCache } from './history-cache'

const EVERY_MS = 1000
const IN_HAND_MAX = 10_000
const AT_ONCE = 500

interface VisitWriterParts {
  histories: Histories
  cache: HistoryCache
  log: Logger
  metrics: Metrics
}

export class VisitWriter {
  /** the last visit of each user and item */
  private in_hand = new Map<string, Visit>()
  private readonly loop: Loop

  constructor(private readonly parts: VisitWriterParts) {
    const { log, metrics } = parts
    this.loop = new Loop({ name: 'visits', log, metrics, step: () => this.write() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    await this.loop.stop()
    await this.write().catch(() => undefined)
  }

  add(visit: Visit): void {
    const key = `${visit.item} ${visit.user}`
    if (this.in_hand.size >= IN_HAND_MAX && !this.in_hand.has(key)) {
      this.parts.metrics.visits.inc({ outcome: 'dropped' })
      return
    }
    this.in_hand.set(key, visit)
  }

  /** What is in hand of this user is forgotten too. */
  drop(user: string): void {
    for (const [key, visit] of this.in_hand) if (visit.user === user) this.in_hand.delete(key)
  }

  private async write(): Promise<number> {
    while (this.in_hand.size > 0) {
      const batch = [...this.in_hand].slice(0, AT_ONCE)
      for (const [key] of batch) this.in_hand.delete(key)
      const visits = batch.map(([, visit]) => visit)
      try {
        await this.parts.histories.add(visits)
      } catch (error) {
        for (const [key, visit] of batch) if (!this.in_hand.has(key)) this.in_hand.set(key, visit)
        throw error
      }
      this.parts.cache.changed(new Set(visits.map(({ user }) => user)))
      this.parts.metrics.visits.inc({ outcome: 'written' }, visits.length)
    }
    return EVERY_MS
  }
}
