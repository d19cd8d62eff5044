/** @noSelfInFile */
// `ngx.shared.NAME`: memory shared by all workers (`lua_shared_dict NAME 10m`). Kept over a reload, lost at a restart.

declare namespace ngx {
  type SharedValue = string | number | boolean

  /**
   * One zone. Each method is atomic by itself; a `get` followed by a `set` is not: count with `incr`.
   *
   * A full zone evicts the least recently used entries, live ones too: `forcible` is then true; count it. The `safe_`
   * methods answer 'no memory' instead. Times to live are in seconds, millisecond resolution, 0 meaning for ever.
   *
   * Say what a zone holds where you take it: `ngx.shared['counters'] as ngx.SharedDict<number> | undefined`.
   */
  interface SharedDict<V extends SharedValue = SharedValue> {
    /** undefined: absent, expired, or (with an error text) not a value. `flags` is undefined when 0. */
    get(
      key: string,
    ): LuaMultiReturn<[value: V, flags: number | undefined] | [value: undefined, err: string | undefined]>
    /** Also answers an expired value that was not overwritten yet. */
    get_stale(
      key: string,
    ): LuaMultiReturn<
      [value: V, flags: number | undefined, stale: boolean] | [value: undefined, err: string | undefined]
    >
    /** undefined as the value deletes the key. */
    set(key: string, value: V | undefined, ttl_s?: number, flags?: number): LuaMultiReturn<Stored>
    safe_set(key: string, value: V | undefined, ttl_s?: number, flags?: number): LuaMultiReturn<StoredSafely>
    /** 'exists' when the key is there and has not expired. */
    add(key: string, value: V, ttl_s?: number, flags?: number): LuaMultiReturn<Stored>
    safe_add(key: string, value: V, ttl_s?: number, flags?: number): LuaMultiReturn<StoredSafely>
    /** 'not found' when there is nothing to replace. */
    replace(key: string, value: V, ttl_s?: number, flags?: number): LuaMultiReturn<Stored>
    delete(key: string): void
    /**
     * Adds and answers the new value. Without `init` a missing key is 'not found'; with it counting starts from there and
     * `init_ttl_s` applies (only when it starts: an existing key keeps its end). 'not a number' for other values.
     */
    incr(
      key: string,
      step: number,
      init?: number,
      init_ttl_s?: number,
    ): LuaMultiReturn<
      | [value: number, err: undefined, forcible: boolean | undefined]
      | [value: undefined, err: string, forcible?: boolean]
    >
    /** Seconds until it expires, 0 when it never does; 'not found'. */
    ttl(key: string): LuaMultiReturn<[ttl_s: number] | [ttl_s: undefined, err: string]>
    /** A new time to live from now; 'not found'. */
    expire(key: string, ttl_s: number): LuaMultiReturn<[ok: true] | [ok: undefined, err: string]>

    /** Lists: answer the length. 'value not a list' for other values, 'no memory' when the zone is full (nothing is evicted). */
    lpush(key: string, value: string | number): LuaMultiReturn<[length: number] | [length: undefined, err: string]>
    rpush(key: string, value: string | number): LuaMultiReturn<[length: number] | [length: undefined, err: string]>
    /** undefined without an error: the list is empty or absent */
    lpop(key: string): LuaMultiReturn<[value: string | number] | [value: undefined, err: string | undefined]>
    rpop(key: string): LuaMultiReturn<[value: string | number] | [value: undefined, err: string | undefined]>
    llen(key: string): LuaMultiReturn<[length: number] | [length: undefined, err: string]>

    /** Marks all as expired; their memory is freed by `flush_expired` or on demand. */
    flush_all(): void
    /** Frees expired entries, at most `max` (0: all); answers how many. Locks the zone meanwhile. */
    flush_expired(max?: number): number
    /** At most `max` keys (1024 when left out; 0: all, and the zone is locked for as long as that takes). */
    get_keys(max?: number): string[]
    /** bytes, as configured */
    capacity(): number
    /** Bytes in pages that are wholly free; 0 does not mean that small values no longer fit. */
    free_space(): number
  }

  type Stored = [ok: true, err: undefined, forcible: boolean] | [ok: false | undefined, err: string, forcible: boolean]
  type StoredSafely = [ok: true, err: undefined] | [ok: false | undefined, err: string]
}
