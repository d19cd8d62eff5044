// Counters: added up in the worker, poured into shared memory once a second, printed as Prometheus text.
//
// Series are made of names and labels of our own, so their number is bounded by the code.

export interface Metrics {
  /** `series` is the name with its labels, as Prometheus writes it: name{label="value"} */
  add: (this: void, series: string, amount: number) => void
  /** for gauges: the node's value, at once */
  set: (this: void, series: string, value: number) => void
  flush: (this: void) => void
  /** text exposition format 0.0.4 */
  print: (this: void) => string
}

/** by the values of two labels, which are words of our own: a family has few */
export type PairCounter = (this: void, first_value: string, second_value: string) => void

interface Help {
  name: string
  type: 'counter' | 'gauge'
  help: string
}

const FAMILIES: Help[] = [
  { name: 'rushgate_requests_total', type: 'counter', help: 'Requests by route and what became of them.' },
  { name: 'rushgate_refusals_total', type: 'counter', help: 'Refusals by plugin and code.' },
  { name: 'rushgate_would_refuse_total', type: 'counter', help: 'Refusals that a dry run only recorded.' },
  { name: 'rushgate_store_failures_total', type: 'counter', help: 'Stores that did not answer, by plugin.' },
  { name: 'rushgate_plugin_events_total', type: 'counter', help: 'What plugins count, by plugin and event.' },
  { name: 'rushgate_faults_total', type: 'counter', help: 'Lua errors: each is a bug.' },
  {
    name: 'rushgate_crawler_lookups_total',
    help: 'Addresses of crawlers that were looked up in the DNS, by what came of it.',
    type: 'counter',
  },
  {
    name: 'rushgate_lists_lost_total',
    type: 'counter',
    help: 'Entries of the lists that found no room: make the zone larger.',
  },
  { name: 'rushgate_items_known', type: 'gauge', help: 'Products in the filter that this node has.' },
  { name: 'rushgate_items_lost_total', type: 'counter', help: 'Products that found no room: make the zone larger.' },
  {
    name: 'rushgate_items_evicted_total',
    type: 'counter',
    help: 'Times that a full zone of item pages forgot what was asked for longest ago.',
  },
  { name: 'rushgate_lane_batches_total', type: 'counter', help: 'Script calls sent to Redis.' },
  { name: 'rushgate_lane_items_total', type: 'counter', help: 'Items in those calls.' },
  { name: 'rushgate_lane_failures_total', type: 'counter', help: 'Items that got no answer from Redis.' },
  { name: 'rushgate_lane_reconnects_total', type: 'counter', help: 'Connections made to Redis.' },
  { name: 'rushgate_lane_restarts_total', type: 'counter', help: 'Lanes started again after a Lua error.' },
  { name: 'rushgate_volatile_lane_batches_total', type: 'counter', help: 'The same for REDIS_VOLATILE_URL.' },
  { name: 'rushgate_volatile_lane_items_total', type: 'counter', help: 'The same.' },
  { name: 'rushgate_volatile_lane_failures_total', type: 'counter', help: 'The same: a share of the limit counted.' },
  { name: 'rushgate_volatile_lane_reconnects_total', type: 'counter', help: 'The same.' },
  { name: 'rushgate_volatile_lane_restarts_total', type: 'counter', help: 'The same.' },
  { name: 'rushgate_hot_merges_total', type: 'counter', help: 'Times that a worker added up what all workers count.' },
  { name: 'rushgate_hot_purges_total', type: 'counter', help: 'Times that a worker had to forget its lesser half.' },
  { name: 'rushgate_hot_forgotten_total', type: 'counter', help: 'Counts forgotten for want of room.' },
  { name: 'rushgate_hot_no_room_total', type: 'counter', help: 'Items not watched, or not hot, for want of room.' },
  { name: 'rushgate_hot_changes_total', type: 'counter', help: 'Items that became hot, or are no longer.' },
  {
    name: 'rushgate_events_recorded_total',
    type: 'counter',
    help: 'Events of items; each is delivered, dropped or queued.',
  },
  { name: 'rushgate_events_delivered_total', type: 'counter', help: 'Events that Kafka, or the stream on Redis, has.' },
  { name: 'rushgate_events_dropped_total', type: 'counter', help: 'Events that were given up, by reason.' },
  {
    name: 'rushgate_events_pushed_out_total',
    type: 'counter',
    help: 'Events delivered to the stream on Redis and pushed out by newer ones before anybody took them.',
  },
  { name: 'rushgate_events_queued', type: 'gauge', help: 'Events that wait to be delivered.' },
  { name: 'rushgate_degrade_level', type: 'gauge', help: 'Level of degradation of this node, 0 (normal) to 3.' },
  {
    name: 'rushgate_breaker_open',
    type: 'gauge',
    help: 'By upstream: redis and redis_volatile count the lanes that refuse at once, backend is 1 while nothing is forwarded.',
  },
]

export function newMetrics(shared: ngx.SharedDict<number>): Metrics {
  let counts = new LuaTable<string, number>()

  function add(series: string, amount: number): void {
    counts.set(series, (counts.get(series) ?? 0) + amount)
  }

  function set(series: string, value: number): void {
    shared.set(series, value)
  }

  function flush(): void {
    const taken = counts
    counts = new LuaTable()
    for (const [series, amount] of taken) {
      const [total, failure] = shared.incr(series, amount, 0)
      if (total === undefined) ngx.log(ngx.WARN, 'metrics: ', series, ': ', failure)
    }
  }

  function print(): string {
    flush()
    const keys = shared.get_keys(0)
    table.sort(keys, (a, b) => a < b)
    const lines: string[] = []
    for (const family of FAMILIES) {
      table.insert(lines, '# HELP ' + family.name + ' ' + family.help)
      table.insert(lines, '# TYPE ' + family.name + ' ' + family.type)
      for (const key of keys) {
        const [name] = string.match(key, '^[%w_]+')
        const [value] = shared.get(key)
        if (name === family.name && value !== undefined) table.insert(lines, key + ' ' + tostring(value))
      }
    }
    return table.concat(lines, '\n') + '\n'
  }

  return { add, set, flush, print }
}

/** Adds 1 to a series of this name. Its series are put together once, so that counting a request makes no texts. */
export function pairCounter(metrics: Metrics, name: string, first: string, second: string): PairCounter {
  const series_of = new LuaTable<string, LuaTable<string, string>>()

  return (first_value, second_value) => {
    let of_first = series_of.get(first_value)
    if (of_first === undefined) {
      of_first = new LuaTable()
      series_of.set(first_value, of_first)
    }
    let series = of_first.get(second_value)
    if (series === undefined) {
      series = name + '{' + first + '="' + first_value + '",' + second + '="' + second_value + '"}'
      of_first.set(second_value, series)
    }
    metrics.add(series, 1)
  }
}

export interface LaneCounts {
  batches: number
  items: number
  failures: number
  reconnects: number
  restarts: number
}

/** What a lane has counted since the last time. */
export function flushLane(metrics: Metrics, lane: { counts: LaneCounts }, family: string): void {
  const { counts } = lane
  metrics.add(family + 'batches_total', counts.batches)
  metrics.add(family + 'items_total', counts.items)
  metrics.add(family + 'failures_total', counts.failures)
  metrics.add(family + 'reconnects_total', counts.reconnects)
  metrics.add(family + 'restarts_total', counts.restarts)
  lane.counts = { batches: 0, items: 0, failures: 0, reconnects: 0, restarts: 0 }
}
