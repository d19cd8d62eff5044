// One slice: put Redis back, send the stream once, and see what it cost and whether every answer was right.
import { setTimeout as sleep } from 'node:timers/promises'
import { metaKey } from '../contract/keys'
import { cpuMicroseconds, machineMicroseconds } from './cpu'
import { answeredWrongly, generateLoad, resumedWrongly, type TlsMode } from './load-generator'
import type { Peer } from './peers/peer'
import { countSold, type RedisImage, soldWrongly } from './sale'
import type { Shop } from './shop'

const AOF_BYTES_MAX = 200_000_000
const SETTLE_MS = 150
/** more than the script calls of a slice */
const STOCK_VERSION_STEP = 10_000_000

export type Fsync = 'always' | 'no'

interface SlicePlan {
  name: string
  peer: Peer
  fsync: Fsync
  /** false for the peer that only answers */
  sells: boolean
  tls?: TlsMode
  generator: string
  stream: string
  connections: number
  requests: number
  /** units in the free list before the slice */
  units: number
}

export interface Slice {
  rps: number
  p99_ms: number
  server_us: number
  redis_us: number
  /** the generator's share of one core */
  generator_cpu: number
  /** share of one core that neither server, Redis nor generator used: what else ran on the machine */
  other_cpu: number
  /** purchases in one script call */
  batch: number
  wrong: string | undefined
}

export async function runSlice(shop: Shop, image: RedisImage, plan: SlicePlan): Promise<Slice> {
  await prepare(shop, image, plan.fsync)
  const pids = plan.peer.pids()
  if (pids.length === 0) throw new Error(`${plan.name} has no process to measure`)
  const machine = machineMicroseconds()
  const server = cpuMicroseconds(pids)
  const redis = cpuMicroseconds([shop.redis_pid])
  const began_ms = performance.now()
  const report = await generateLoad({
    program: plan.generator,
    port: plan.peer.port,
    file: plan.stream,
    connections: plan.connections,
    protocol: 'http',
    expect: '202',
    contains: plan.sells ? '"held"' : undefined,
    tls: plan.tls,
  })
  const server_us = cpuMicroseconds(pids) - server
  const redis_us = cpuMicroseconds([shop.redis_pid]) - redis
  const machine_us = machineMicroseconds() - machine
  const wall_us = (performance.now() - began_ms) * 1000
  if (plan.peer.pids().join() !== pids.join()) throw new Error(`${plan.name} lost a process during its slice`)
  const sold = plan.sells ? await countSold(shop.redis, shop.sale) : undefined
  return {
    rps: report.requests / report.elapsed_s,
    p99_ms: report.p99_ms,
    server_us: server_us / report.requests,
    redis_us: plan.sells ? redis_us / report.requests : 0,
    generator_cpu: report.cpu_s / report.elapsed_s,
    other_cpu: Math.max(0, machine_us - server_us - redis_us - report.cpu_s * 1e6) / wall_us,
    batch: sold ? sold.queued / sold.batches : 0,
    wrong:
      answeredWrongly(report, '202') ??
      resumedWrongly(report, plan.tls) ??
      (sold && soldWrongly(sold, plan.requests, plan.units, shop.sale.guarded)),
  }
}

let slices_begun = 0

async function prepare(shop: Shop, image: RedisImage, fsync: Fsync): Promise<void> {
  const { redis, sale } = shop
  await redis.config('SET', 'appendfsync', 'no')
  await image.restore(redis)
  // news rises from slice to slice as it does in a sale: a gate that has seen newer would skip reading it
  slices_begun += 1
  await redis.hset(metaKey(sale.id, 0), 'stock_version', slices_begun * STOCK_VERSION_STEP)
  const persistence = await redis.info('persistence')
  if (infoNumber(persistence, 'aof_current_size') > AOF_BYTES_MAX) {
    await redis.bgrewriteaof()
    while (rewriting(await redis.info('persistence'))) await sleep(50)
  }
  await redis.config('SET', 'appendfsync', fsync)
  await sleep(SETTLE_MS) // what the reset left to do in the background is not the peer's
}

function rewriting(info: string): boolean {
  return infoNumber(info, 'aof_rewrite_in_progress') + infoNumber(info, 'aof_rewrite_scheduled') > 0
}

function infoNumber(info: string, field: string): number {
  const value = Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1])
  if (!Number.isFinite(value)) throw new Error(`Redis INFO has no ${field}`)
  return value
}
