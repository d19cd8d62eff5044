// A lock in Redis that keeps two processes from doing the same work at once. Correctness never rests on it: it may be lost
// with Redis, or run out while its owner sleeps; what must not happen twice is decided by the ledger.
//
// Taken by SET NX PX, released only by its owner (compare and delete in one step), spun for with a time-out.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'

const SPIN_MIN_MS = 10
const SPIN_MAX_MS = 100

// KEYS 1 lock  ARGV 1 owner  Returns 1 when it was the owner's
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`
// KEYS 1 lock  ARGV 1 owner  2 ms to live  Returns 1 when it was the owner's
const EXTEND = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`

export class RedisLock {
  private readonly key: string

  constructor(
    private readonly redis: Redis,
    name: string,
    /** names a process: one that was killed and started again finds its own lock still its own */
    private readonly owner: string,
    private readonly ttl_ms: number,
  ) {
    this.key = `rg1:lock:${name}`
  }

  /** Spins for at most `wait_ms`; true when the lock is this owner's, for `ttl_ms` from now. */
  async acquire(wait_ms = 0): Promise<boolean> {
    const until_ms = performance.now() + wait_ms
    for (let spins = 0; ; spins++) {
      if ((await this.redis.set(this.key, this.owner, 'PX', this.ttl_ms, 'NX')) === 'OK') return true
      if (await this.extend()) return true
      const left_ms = until_ms - performance.now()
      if (left_ms <= 0) return false
      const spin_ms = Math.min(SPIN_MAX_MS, SPIN_MIN_MS * 2 ** Math.min(spins, 10))
      await sleep(Math.min(left_ms, spin_ms * (0.5 + Math.random() / 2)))
    }
  }

  /** False when the lock has run out or is somebody else's by now. */
  async extend(): Promise<boolean> {
    return (await this.redis.eval(EXTEND, 1, this.key, this.owner, this.ttl_ms)) === 1
  }

  /** False when it was not this owner's any more; another's lock is left alone. */
  async release(): Promise<boolean> {
    return (await this.redis.eval(RELEASE, 1, this.key, this.owner)) === 1
  }
}
