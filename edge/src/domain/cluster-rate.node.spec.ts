// Property: several nodes with several workers each, whose asks get lost before or after they counted, before a Redis that goes, comes
// back and loses what it knew: in no window more is admitted than the limit, or the bound that is declared for such times. And a subject
// that asks evenly for 80 % of its limit is never refused, however its requests are spread over nodes and workers.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Random } from '../../../scripts/random'
import { type FakeCounters, fakeCounters } from '../../spec/fake-counters'
import { admitInCluster, type ClusterRate, clusterRate, type Reach, type Taken, type TokenSource } from './cluster-rate'
import type { Algorithm } from './rate'

// small, for the precision of the sums
const START_MS = 1_000_000_000
const NODES = 3
const WORKERS = 2
const RUNNING_MAX = 4
const CHOICES_MAX = 5000

/** edge/src/redis/rate.ts as a model; backend/test/rate-script.spec.ts holds the script against the same bound. */
class Tokens {
  private full_ms: number | undefined
  private born_ms: number | undefined

  take(cluster: ClusterRate, wanted: number, now_ms: number): Taken {
    const { capacity, start } = cluster
    const interval_ms = cluster.rate.interval_ms
    this.born_ms ??= now_ms
    const full_ms = Math.max(now_ms, this.full_ms ?? this.born_ms + (capacity - start) * interval_ms)
    const room = Math.floor((now_ms - full_ms) / interval_ms + capacity)
    if (room < 1) return { given: 0, ms: full_ms + (1 - capacity) * interval_ms - now_ms }
    const given = Math.min(wanted, Math.max(1, Math.floor(room / 2)))
    this.full_ms = full_ms + given * interval_ms
    return { given, ms: this.full_ms - now_ms }
  }

  forget(): void {
    this.full_ms = undefined
    this.born_ms = undefined
  }
}

interface Played {
  /** for each admitted: the earliest and the latest it may be said to have been */
  from_ms: number[]
  to_ms: number[]
  was_away: boolean
  losses: number
}

interface History {
  /** how long nobody comes, and how many then come at once */
  crowds: [number, number][]
  choices: number[]
  /** of a hundred asks, so many fail, and so many after which Redis has lost everything */
  failing: number
  losing: number
}

/** Requests in sequence; between two steps of one, on any node, others run whole. */
function play(cluster: ClusterRate, history: History): Played {
  const played: Played = { from_ms: [], to_ms: [], was_away: false, losses: 0 }
  const redis = new Tokens()
  let now_ms = START_MS
  let chosen = 0
  let running = 0
  let standing_still = false
  const choose = (): number => {
    chosen += 1
    return history.choices[chosen % history.choices.length] as number
  }
  const stores: FakeCounters[] = Array.from({ length: NODES }, () => fakeCounters(10_000))
  const workers: Reach[] = Array.from({ length: NODES * WORKERS }, () => ({ away_until_ms: 0 }))
  const pass = (ms: number): void => {
    now_ms += ms
    for (const store of stores) store.now_ms = now_ms
  }
  const ask = (): void => {
    running += 1
    const worker = choose() % workers.length
    const from_ms = now_ms
    const source: TokenSource = {
      take: (_key, rate, wanted) => {
        const fate = choose()
        if (fate < history.losing) {
          redis.forget()
          played.losses += 1
        }
        if (fate < history.failing) played.was_away = true
        if (fate < history.failing && fate % 2 === 0) return undefined
        const taken = redis.take(rate, wanted, now_ms)
        between(true)
        return fate < history.failing ? undefined : taken
      },
      now_ms: () => now_ms,
    }
    const store = stores[worker % NODES] as FakeCounters
    const answer = admitInCluster(store.port, source, workers[worker] as Reach, cluster, 'k')
    running -= 1
    if (answer < 0) return
    played.from_ms.push(from_ms)
    played.to_ms.push(now_ms)
  }
  /** Others come in between: while one waits for Redis, when time passes, and between any two steps of its worker's own. */
  const between = (may_pass: boolean): void => {
    const choice = choose()
    if (running >= RUNNING_MAX || chosen > CHOICES_MAX) return
    // a worker that stops in the middle of its own steps would be late by as much
    const stood_still = standing_still
    standing_still ||= !may_pass
    if (choice % 3 === 0) ask()
    standing_still = stood_still
    if (!standing_still && choice % 4 === 1) pass(choice % 5)
  }
  for (const store of stores) store.before = () => between(false)
  pass(0)
  for (const [gap_ms, count] of history.crowds) {
    pass(gap_ms)
    for (let i = 0; i < count; i++) ask()
  }
  return played
}

function bound(cluster: ClusterRate, played: Played, span_ms: number): number {
  const whole = cluster.rate.capacity + span_ms / cluster.rate.interval_ms
  const alone = cluster.alone.capacity + span_ms / cluster.alone.interval_ms
  return whole + (played.was_away ? NODES * alone : 0) + played.losses * Math.min(cluster.capacity, cluster.alone.burst)
}

const histories = fc.record({
  crowds: fc.array(
    fc.tuple(
      fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 300 }), fc.constant(4000)),
      fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 90 })),
    ),
    { maxLength: 10 },
  ),
  choices: fc.array(fc.nat(100), { minLength: 1, maxLength: 80 }),
  failing: fc.constantFrom(0, 0, 20, 90),
  losing: fc.constantFrom(0, 0, 5),
})

const rates = fc
  .tuple(
    fc.constantFrom<Algorithm>('token_bucket', 'leaky_bucket', 'sliding_window'),
    fc.integer({ min: 1, max: 500 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 100 }),
    fc.integer({ min: 0, max: 500 }),
    fc.constantFrom(0, 20, 200, 5000),
    fc.integer({ min: 1, max: 100 }),
  )
  .map((terms) => clusterRate(...terms))

// what is left of a lease when the bucket is full again: the capacity is lower by that
const LEASED_LATE = clusterRate('token_bucket', 100, 1, 100, 0, 200, 25)
const LATE: History = {
  crowds: [
    [0, 1],
    [4000, 5],
    [150, 300],
  ],
  choices: [4],
  failing: 0,
  losing: 0,
}

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

it(`in every window at most what is declared (seed ${SEED})`, () => {
  let admitted = 0
  fc.assert(
    fc.property(rates, histories, (cluster, history) => {
      const played = play(cluster, history)
      admitted += played.from_ms.length
      // those who surely were within the window from one's beginning to another's end
      for (const from_ms of new Set(played.from_ms)) {
        const ends = played.to_ms.filter((_, i) => (played.from_ms[i] as number) >= from_ms).sort((a, b) => a - b)
        for (let i = 0; i < ends.length; i++) {
          const most = bound(cluster, played, (ends[i] as number) - from_ms) + 1e-3
          if (i + 1 > most) throw new Error(`${i + 1} admitted where ${most} are the most`)
        }
      }
    }),
    { numRuns: 1500, seed: SEED, examples: [[LEASED_LATE, LATE]] },
  )
  expect(admitted).toBeGreaterThan(1000)
})

interface Crowd {
  /** of each node, how much of the whole comes to it, in turns of TURN requests */
  weights: number[][]
  /** of an ask */
  trip_ms: number
  seed: number
}

const REQUESTS = 3000
const TURN = 500
const CONNECTIONS = 32
const PROMISED = 0.8

/** A subject's requests, evenly but for a jitter of one interval, while asks take their time: how many were refused. */
function refusals(cluster: ClusterRate, crowd: Crowd): { refused: number; asks: number; taken: number } {
  const random = new Random(crowd.seed)
  const redis = new Tokens()
  const stores: FakeCounters[] = Array.from({ length: NODES }, () => fakeCounters(10_000))
  const workers: Reach[] = Array.from({ length: NODES * WORKERS }, () => ({ away_until_ms: 0 }))
  const counted = { refused: 0, asks: 0, taken: 0 }
  let now_ms = START_MS
  let sent = 0
  let running = 0
  const nextMs = (): number => START_MS + ((sent + random.next()) * cluster.rate.interval_ms) / PROMISED
  const passUntil = (ms: number): void => {
    now_ms = Math.max(now_ms, ms)
    for (const store of stores) store.now_ms = now_ms
  }
  const source: TokenSource = {
    take: (_key, rate, wanted) => {
      counted.asks += 1
      const back_ms = now_ms + crowd.trip_ms
      const taken = redis.take(rate, wanted, now_ms)
      counted.taken += taken.given
      // those who come meanwhile; the last of many at once has its answer immediately
      while (running < CONNECTIONS && sent < REQUESTS && nextMs() <= back_ms) ask()
      if (running < CONNECTIONS) passUntil(back_ms)
      return taken
    },
    now_ms: () => now_ms,
  }
  const ask = (): void => {
    passUntil(nextMs())
    const weights = crowd.weights[Math.floor(sent / TURN) % crowd.weights.length] as number[]
    let place =
      random.between(
        1,
        weights.reduce((sum, weight) => sum + weight, 0),
      ) - 1
    const node = weights.findIndex((weight) => {
      place -= weight
      return place < 0
    })
    sent += 1
    running += 1
    const worker = workers[node * WORKERS + random.between(0, WORKERS - 1)] as Reach
    if (admitInCluster((stores[node] as FakeCounters).port, source, worker, cluster, 'k') < 0) counted.refused += 1
    running -= 1
  }
  while (sent < REQUESTS) ask()
  return counted
}

const generousRates = fc
  .tuple(
    fc.constantFrom<Algorithm>('token_bucket', 'sliding_window'),
    fc.integer({ min: 100, max: 30_000 }),
    fc.constantFrom(20, 200, 1000),
    fc.integer({ min: 10, max: 100 }),
  )
  .map(([algorithm, rate, lease_ms, share]) => clusterRate(algorithm, rate, 1, 0, 0, lease_ms, share))

const crowds = fc.record({
  weights: fc.array(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: NODES, maxLength: NODES }), {
    minLength: 1,
    maxLength: 4,
  }),
  trip_ms: fc.constantFrom(0, 0.3, 2, 8, 30),
  seed: fc.nat(1_000_000),
})

it(`a subject that asks for 80 % of its limit is never refused (seed ${SEED})`, () => {
  fc.assert(
    fc.property(generousRates, crowds, (cluster, crowd) => {
      const counted = refusals(cluster, crowd)
      expect(counted.refused).toBe(0)
      // what lapses is little, so that the bucket does not run low
      expect(counted.taken).toBeLessThanOrEqual(REQUESTS / PROMISED)
      // and it does lease
      const is_large = cluster.rate.burst > 1000 && cluster.lease_ms > 100
      if (is_large && crowd.trip_ms === 0) expect(counted.asks).toBeLessThan(REQUESTS / 2)
    }),
    { numRuns: 100, seed: SEED },
  )
})
