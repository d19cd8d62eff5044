import { describe, expect, it } from 'vitest'
import { fakeCounters } from '../../spec/fake-counters'
import { admitInCluster, type ClusterRate, clusterRate, type Reach, type TokenSource } from './cluster-rate'
import { NO_ROOM } from './rate'

const START_MS = 1767225600000

interface Node {
  store: ReturnType<typeof fakeCounters>
  source: TokenSource
  reach: Reach
  /** what Redis has; below 0: it is away */
  tokens: number
  /** how many were asked for, ask by ask */
  wanted: number[]
}

function newNode(tokens: number, entries_max: number): Node {
  const store = fakeCounters(entries_max)
  store.now_ms = START_MS
  const node: Node = { store, source: undefined as never, reach: { away_until_ms: 0 }, tokens, wanted: [] }
  node.source = {
    take: (_key, rate, wanted) => {
      node.wanted.push(wanted)
      if (node.tokens < 0) return undefined
      const given = Math.min(node.tokens, wanted)
      node.tokens = node.tokens - given
      return { given, ms: given === 0 ? 300 : given * rate.rate.interval_ms }
    },
    now_ms: () => store.now_ms,
  }
  return node
}

function ask(node: Node, rate: ClusterRate): number {
  return admitInCluster(node.store.port, node.source, node.reach, rate, 'k')
}

function admitted(node: Node, rate: ClusterRate, count: number): number {
  let passed = 0
  for (let i = 0; i < count; i++) if (ask(node, rate) >= 0) passed += 1
  return passed
}

describe('clusterRate', () => {
  it('lowers the capacity by what a lease may bring too late', () => {
    const rate = clusterRate('token_bucket', 100, 1, 100, 0, 200, 25)
    expect(rate.lease_ms).toBe(200)
    expect(rate.capacity).toBe(80)
    expect(rate.alone.burst).toBe(25)
    expect(rate.alone.interval_ms).toBe(40)
  })

  it('leases nothing where that would leave less than one token, nor where each waits for its own time', () => {
    expect(clusterRate('token_bucket', 1, 1, 1, 0, 200, 25).lease_ms).toBe(0)
    expect(clusterRate('token_bucket', 1, 1, 1, 0, 200, 25).capacity).toBe(1)
    expect(clusterRate('leaky_bucket', 100, 1, 50, 1000, 200, 25).lease_ms).toBe(0)
    expect(clusterRate('token_bucket', 4, 1, 4, 0, 60000, 25).lease_ms).toBe(250)
  })
})

describe('admitInCluster', () => {
  it('asks for each request where nothing is leased', () => {
    const node = newNode(3, 100)
    const rate = clusterRate('token_bucket', 10, 1, 10, 0, 0, 25)
    expect(admitted(node, rate, 3)).toBe(3)
    expect(node.wanted).toEqual([1, 1, 1])
  })

  it('leases an eighth of what it takes, and never spends more than they hold', () => {
    const node = newNode(1000, 100)
    const rate = clusterRate('token_bucket', 1000, 1, 2000, 0, 200, 25)
    expect(admitted(node, rate, 100)).toBe(100)
    expect(node.wanted).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12])
    let leased = 0
    for (const wanted of node.wanted) leased += wanted
    expect(node.tokens).toBe(1000 - leased)
    node.tokens = 0
    expect(admitted(node, rate, 500)).toBe(leased - 100)
  })

  it('loses what was not spent in the slot', () => {
    const node = newNode(3, 100)
    const rate = clusterRate('token_bucket', 1000, 1, 2000, 0, 200, 25)
    expect(admitted(node, rate, 2)).toBe(2)
    node.wanted = []
    node.tokens = 5
    expect(admitted(node, rate, 2)).toBe(2)
    node.tokens = 0
    node.store.now_ms = START_MS + 200
    expect(ask(node, rate) < 0).toBe(true)
  })

  it('knows for some time that nothing is left', () => {
    const node = newNode(0, 100)
    const rate = clusterRate('token_bucket', 10, 1, 10, 0, 0, 25)
    expect(ask(node, rate)).toBe(-300)
    node.store.now_ms = START_MS + 100
    expect(ask(node, rate)).toBe(-200)
    expect(node.wanted.length).toBe(1)
    node.store.now_ms = START_MS + 301
    node.tokens = 1
    expect(ask(node, rate)).toBe(0)
  })

  it('holds back what leaks evenly', () => {
    const node = newNode(3, 100)
    const rate = clusterRate('leaky_bucket', 10, 1, 0, 1000, 200, 25)
    node.source.take = () => ({ given: 1, ms: 350 })
    expect(Math.floor(ask(node, rate) + 0.5)).toBe(250)
  })

  it('goes on with its own share while Redis is away, and finds out when it is back', () => {
    const node = newNode(-1, 100)
    const rate = clusterRate('token_bucket', 100, 1, 100, 0, 0, 25)
    expect(admitted(node, rate, 200)).toBe(25)
    expect(node.wanted.length).toBe(1)
    node.store.now_ms = START_MS + 400
    expect(admitted(node, rate, 200)).toBe(10)
    node.tokens = 50
    node.store.now_ms = START_MS + 501
    expect(admitted(node, rate, 200)).toBe(50)
  })

  it('has at least one by itself', () => {
    const node = newNode(-1, 100)
    expect(admitted(node, clusterRate('token_bucket', 10, 60, 2, 0, 200, 10), 20)).toBe(1)
  })

  it('asks Redis for no more subjects than it has room for', () => {
    const node = newNode(10, 0)
    expect(ask(node, clusterRate('token_bucket', 10, 1, 10, 0, 200, 25))).toBe(NO_ROOM)
    expect(node.wanted.length).toBe(0)
  })
})
