/** @noSelfInFile */
// What a Redis 7 script can see (https://redis.io/docs/latest/develop/programmability/lua-api/): plain Lua 5.1 without
// io, require and globals. Not to be mixed with the typings of nginx: a script cannot see `ngx`, a gate cannot see `redis`.

/** Names of the keys the script may touch. In TypeScript `KEYS[0]` is Lua's `KEYS[1]`. */
declare const KEYS: readonly string[]
declare const ARGV: readonly string[]

/** Replies as Lua sees them: a missing value is `false`, never nil; integers are numbers; bulk texts are strings. */
type RedisReply = string | number | false | RedisStatus | RedisReply[]

interface RedisStatus {
  readonly ok: string
}

interface RedisError {
  readonly err: string
}

/** @noSelf */
interface RedisApi {
  /**
   * Runs a command; an error ends the script (what it wrote before stays written: nothing is rolled back).
   * Numbers are sent as text with 17 digits: fractions and values from 2^53 on are not safe.
   * Overloads say what the usual commands answer; for others narrow the reply yourself.
   */
  call: RedisCommands & ((this: void, command: string, ...args: (string | number)[]) => RedisReply)
  /** Like `call`, but an error of the command is answered as a table with `err`. */
  pcall(command: string, ...args: (string | number)[]): RedisReply | RedisError
  /** 40 hex digits */
  sha1hex(text: string): string
  status_reply(text: string): RedisStatus
  /** The first word is the error's code. Return it: making it raises nothing. */
  error_reply(text: string): RedisError
  log(level: number, ...message: string[]): void
  readonly LOG_DEBUG: number
  readonly LOG_VERBOSE: number
  readonly LOG_NOTICE: number
  readonly LOG_WARNING: number
  setresp(version: 2 | 3): void
  readonly REDIS_VERSION: string
  readonly REDIS_VERSION_NUM: number
}

interface RedisCommands {
  (this: void, command: 'TIME'): [seconds: string, microseconds: string]
  (this: void, command: 'GET' | 'LPOP' | 'RPOP', key: string): string | false
  (this: void, command: 'HGET', key: string, field: string): string | false
  (this: void, command: 'HMGET', key: string, ...fields: string[]): (string | false)[]
  (this: void, command: 'MGET', ...keys: string[]): (string | false)[]
  (this: void, command: 'HGETALL', key: string): string[]
  (this: void, command: 'ZSCORE', key: string, member: string | number): string | false
  (this: void, command: 'ZRANGEBYSCORE', key: string, from: string | number, to: string | number): string[]
  (this: void, command: 'LRANGE', key: string, from: number, to: number): string[]
  (this: void, command: 'LINDEX', key: string, index: number): string | false
  (this: void, command: 'SMEMBERS', key: string): string[]
  (
    this: void,
    command:
      | 'DEL'
      | 'EXISTS'
      | 'HDEL'
      | 'HEXISTS'
      | 'HINCRBY'
      | 'HLEN'
      | 'HSET'
      | 'HSETNX'
      | 'INCRBY'
      | 'LLEN'
      | 'LPUSH'
      | 'PEXPIRE'
      | 'RPUSH'
      | 'SADD'
      | 'SCARD'
      | 'SISMEMBER'
      | 'SREM'
      | 'XLEN'
      | 'ZADD'
      | 'ZCARD'
      | 'ZCOUNT'
      | 'ZREM'
      | 'ZREMRANGEBYSCORE',
    key: string,
    ...args: (string | number)[]
  ): number
  (this: void, command: 'XADD', key: string, ...args: (string | number)[]): string
}

declare const redis: RedisApi

/** lua-struct as Redis has it: '>' big-endian, 'B' byte, 'H' 16 bits, 'I4' 32 bits, 'c22' bytes, 'c0' as long as the number before it. */
declare namespace struct {
  function pack(format: string, ...values: (string | number)[]): string
  /** Values, then the position after what was read. Raises when the text is too short. */
  function unpack<T extends (string | number)[]>(
    format: string,
    text: string,
    position?: number,
  ): LuaMultiReturn<[...T, number]>
  function size(format: string): number
}

declare namespace cjson {
  function encode(value: unknown): string
  /** Raises when the text is not JSON. */
  function decode(text: string): unknown
}

declare namespace cmsgpack {
  function pack(...values: unknown[]): string
  function unpack(text: string): unknown
}
