// Rate limits that all gates share: tokens are in Redis (edge/src/redis/rate.ts), a node takes them one by one or, for
// subjects that ask much, by the slice: a lease, spent in shared memory by all workers of the node without a round trip.
//
// Guarantee, for any set of k admitted requests of a subject, with the times of the first and the last:
//
//   k ≤ burst + (time of the last - time of the first) / interval
//
// whatever the number of nodes and workers. A lease lapses with its slot of `lease_ms`, so a token is spent at most so long after it was
// counted; by as much the capacity in Redis is lower than the burst. What nobody spent is lost, not given back: a bucket
// that was full meanwhile would be filled above its brim.
//
// Nor is a subject refused that asks evenly for at most 80 % of its limit, spread over the nodes as it likes. A node has at most one
// lease under way and one in hand, each an eighth of what it took in this slot or the last and no more than the rest of
// the slot would use at that pace: so little lapses that 80 % of what is asked stays below what flows in.
//
// While Redis does not answer, each node admits by a limit of its own, the `share` of the whole, neither open nor closed:
// then k ≤ (1 + nodes × share) × that, and one share more for each time that Redis loses what it knew.
import { type Algorithm, admit, type CounterStore, makeRate, NO_ROOM, type Rate } from './rate'

export interface ClusterRate {
  rate: Rate
  /** what is let through at once, with waiting ones, as Redis counts it */
  capacity: number
  /** slots that leases are good for; 0: each request asks Redis */
  lease_ms: number
  /** a refused subject is not asked for again for so long, at least: tokens gather meanwhile, and come as one lease */
  rest_ms: number
  /** tokens that a subject has in a Redis that has just lost everything */
  start: number
  /** this node's own limit while Redis is away */
  alone: Rate
}

export interface Taken {
  /** 0: none was left */
  given: number
  /** ms until the last one given has flowed in; of none given: until one is there */
  ms: number
}

export interface TokenSource {
  /** Takes up to `wanted` tokens, or one if there is one; may wait. undefined: Redis did not answer. */
  take: (this: void, key: string, rate: ClusterRate, wanted: number) => Taken | undefined
  /** ms, after waiting */
  now_ms: (this: void) => number
}

/** One worker's knowledge of whether Redis answers. */
export interface Reach {
  /** until then nobody asks; 0: it answers */
  away_until_ms: number
}

/** One request in so many ms finds out whether Redis is back. */
const PROBE_MS = 500
/** a lease costs at most this part of the burst */
const LEASE_PART = 4
/** and is this part of what the node took in a slot; as much may lapse with each */
const SLICE_PART = 8
/** tokens gather this long before a refused subject is asked for again */
const REST_PART = 8
const REST_MS_MAX = 50
/** longer than a waiting ask: then the next worker asks for a lease */
const ASKING_MS = 1000

export function clusterRate(
  algorithm: Algorithm,
  rate: number,
  per_s: number,
  burst: number,
  delay_ms_max: number,
  lease_ms_max: number,
  share_percent: number,
): ClusterRate {
  const whole = makeRate(algorithm, rate, per_s, burst, delay_ms_max)
  const share = share_percent / 100
  const interval_ms = whole.interval_ms / share
  const alone_burst = Math.max(1, Math.floor(whole.burst * share))
  const waiting_ms = whole.capacity > whole.burst ? delay_ms_max : 0
  const alone_capacity = alone_burst + Math.floor(waiting_ms / interval_ms)
  const keep_ms = Math.ceil(2 * alone_capacity * interval_ms) + whole.keep_ms
  // who waits for a time of his own cannot take it from a lease
  let lease_ms =
    algorithm === 'leaky_bucket' ? 0 : Math.min(lease_ms_max, (whole.burst * whole.interval_ms) / LEASE_PART)
  let capacity = whole.capacity - lease_ms / whole.interval_ms
  if (capacity < 1 || lease_ms < 1) {
    lease_ms = 0
    capacity = whole.capacity
  }
  return {
    rate: whole,
    capacity,
    lease_ms,
    rest_ms: Math.min(REST_MS_MAX, lease_ms / REST_PART),
    start: Math.min(capacity, alone_burst),
    alone: { interval_ms, burst: alone_burst, capacity: alone_capacity, keep_ms },
  }
}

/** This worker's turn to ask Redis, which may be away. */
function mayAsk(reach: Reach, now_ms: number): boolean {
  if (reach.away_until_ms === 0) return true
  if (now_ms < reach.away_until_ms && reach.away_until_ms - now_ms <= PROBE_MS) return false
  // others go on without it while this one finds out
  reach.away_until_ms = now_ms + PROBE_MS
  return true
}

function askAlone(store: CounterStore, cluster: ClusterRate, key: string, now_ms: number): number {
  return admit(store, cluster.alone, key + '~', now_ms)
}

/** Puts what is left of a lease where all workers find it; where there is no room it is lost. */
function putLease(store: CounterStore, key: string, slot: number, tokens: number, lease_ms: number): void {
  const lease = key + '#' + slot
  if (store.create(lease, tokens, lease_ms) === 'there') store.add(lease, tokens)
  // the next one may be asked for
  const leases = key + '*' + slot
  if (store.create(leases, 1, lease_ms) === 'there') store.add(leases, 1)
}

/** How many were taken in this slot: what the leases of this and the next go by. */
function noteTaken(store: CounterStore, key: string, slot: number, tokens: number, lease_ms: number): void {
  const taken = key + '+' + slot
  if (store.create(taken, tokens, 2 * lease_ms) === 'there') store.add(taken, tokens)
}

function wantedNow(store: CounterStore, key: string, slot: number, slot_left: number, lease_ms: number): number {
  const last = store.get(key + '+' + (slot - 1)) ?? 0
  const taken = Math.max(last, store.get(key + '+' + slot) ?? 0)
  const slice = Math.floor(taken * Math.min(slot_left, 1 / SLICE_PART))
  if (slice < 1) return 1
  // one at a time asks for more than it needs
  const leases = store.get(key + '*' + slot) ?? 0
  const is_first = store.create(key + '?' + slot + '.' + leases, 1, Math.min(ASKING_MS, lease_ms)) === 'made'
  return is_first ? 1 + slice : 1
}

function afterTaking(
  store: CounterStore,
  source: TokenSource,
  cluster: ClusterRate,
  key: string,
  slot: number,
  taken: Taken,
): number {
  if (taken.given === 0) {
    const wait_ms = Math.max(1, taken.ms, cluster.rest_ms)
    store.create(key + '!', source.now_ms() + wait_ms, wait_ms)
    return -wait_ms
  }
  if (cluster.lease_ms > 0) {
    noteTaken(store, key, slot, taken.given, cluster.lease_ms)
    // into the slot it was asked in, even if that is over: it lapses so long after it was counted at the latest
    if (taken.given > 1) putLease(store, key, slot, taken.given - 1, cluster.lease_ms)
  }
  const ahead_ms = taken.ms - cluster.rate.burst * cluster.rate.interval_ms
  return cluster.capacity > cluster.rate.burst && ahead_ms > 0 ? ahead_ms : 0
}

/**
 * One request of the subject `key`.
 * @returns as `admit` of rate.ts does: ms to hold it back; or minus the ms until the next is worth a try; or NO_ROOM
 */
export function admitInCluster(
  store: CounterStore,
  source: TokenSource,
  reach: Reach,
  cluster: ClusterRate,
  key: string,
): number {
  const now_ms = source.now_ms()
  const refused_until_ms = store.get(key + '!')
  if (refused_until_ms !== undefined && now_ms < refused_until_ms) return -(refused_until_ms - now_ms)
  let wanted = 1
  let slot = 0
  if (cluster.lease_ms > 0) {
    slot = Math.floor(now_ms / cluster.lease_ms)
    const left = store.get(key + '#' + slot)
    if (left !== undefined && left >= 1) {
      const after = store.add(key + '#' + slot, -1)
      if (after !== undefined && after >= 0) return 0
    }
    if (mayAsk(reach, now_ms))
      wanted = wantedNow(store, key, slot, slot + 1 - now_ms / cluster.lease_ms, cluster.lease_ms)
    else return askAlone(store, cluster, key, now_ms)
  } else if (!mayAsk(reach, now_ms)) {
    return askAlone(store, cluster, key, now_ms)
  }
  // bounds what Redis keeps for this node: as many subjects as the node has room for
  if (store.create(key + '$', 1, Math.ceil(cluster.capacity * cluster.rate.interval_ms)) === 'full') return NO_ROOM
  const taken = source.take(key, cluster, wanted)
  if (taken === undefined) {
    reach.away_until_ms = source.now_ms() + PROBE_MS
    return askAlone(store, cluster, key, source.now_ms())
  }
  reach.away_until_ms = 0
  return afterTaking(store, source, cluster, key, slot, taken)
}
