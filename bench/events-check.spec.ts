import { describe, expect, it } from 'vitest'
import type { HotItemEvent } from '../contract/hot-item-event'
import { FoundEvents, type GateCounts, readGateCounts, reconcile } from './events-check'

const METRICS = `# HELP rushgate_events_recorded_total Events
rushgate_events_recorded_total 100
rushgate_events_delivered_total 90
rushgate_events_dropped_total{reason="queue_full"} 7
rushgate_events_dropped_total{reason="worker_killed"} 3
rushgate_events_pushed_out_total 2
rushgate_events_queued 0
rushgate_plugin_events_total{plugin="x",event="y"} 5`

function found(...numbers: number[]): FoundEvents {
  const events = new FoundEvents()
  for (const seq of numbers) events.add({ worker: 'w', seq } as HotItemEvent)
  return events
}

function upTo(highest: number): number[] {
  return Array.from({ length: highest }, (_, i) => i + 1)
}

const COUNTS: GateCounts = { recorded: 10, delivered: 7, queued: 0, pushed_out: 0, dropped: { queue_full: 3 } }

describe('events held against the counts', () => {
  it('reads what the gate counts', () => {
    expect(readGateCounts(METRICS)).toEqual({
      recorded: 100,
      delivered: 90,
      queued: 0,
      pushed_out: 2,
      dropped: { queue_full: 7, worker_killed: 3 },
    })
  })

  it('agree when what was recorded is found or counted as dropped', () => {
    expect(reconcile(COUNTS, found(1, 2, 3, 4, 5, 9, 10)).wrong).toEqual([])
    expect(reconcile(COUNTS, found(...upTo(7))).wrong).toEqual([])
  })

  it('do not agree when one more or one less is missing', () => {
    expect(reconcile(COUNTS, found(...upTo(6))).wrong).toHaveLength(1)
    expect(reconcile(COUNTS, found(...upTo(8))).wrong).toHaveLength(1)
    expect(reconcile({ ...COUNTS, delivered: 6 }, found(...upTo(7))).wrong).toHaveLength(1)
    expect(reconcile({ ...COUNTS, queued: 1, delivered: 6 }, found(...upTo(7))).wrong).toHaveLength(1)
  })

  it('agree within what nobody can know, and no further', () => {
    const counts = { ...COUNTS, delivered: 5, dropped: { queue_full: 3, worker_killed: 2 } }
    for (const highest of [5, 6, 7]) expect(reconcile(counts, found(...upTo(highest))).wrong).toEqual([])
    expect(reconcile(counts, found(...upTo(4))).wrong).toHaveLength(1)
    expect(reconcile(counts, found(...upTo(8))).wrong).toHaveLength(1)
  })

  it('see what came twice and where numbers are missing', () => {
    const events = found(1, 2, 2, 5)
    expect(events.doubled).toBe(1)
    expect(events.count).toBe(3)
    expect(events.gaps).toBe(2)
  })
})
