/** @noSelfInFile */
// Modules of lua-resty-core (0.1.24 and newer) and lua-resty-lrucache. Import them whole, as Lua does:
// `import * as semaphore from 'ngx.semaphore'` becomes `local semaphore = require("ngx.semaphore")`.

declare module 'ngx.semaphore' {
  interface Semaphore {
    /** Wakes `count` waiters (1 when left out), or leaves as many units for those to come. Works in every phase. */
    post(count?: number): void
    /** Waits for a unit, `seconds` at most (0: does not wait); 'timeout'. Only where yielding is possible, and not in init. */
    wait(seconds: number): LuaMultiReturn<[ok: true] | [ok: undefined | false, err: string]>
    /** Units to be had; negative: number of waiters. */
    count(): number
  }
  function create(units?: number): LuaMultiReturn<[semaphore: Semaphore] | [semaphore: undefined, err: string]>

  export { create as new, type Semaphore }
}

declare module 'resty.core.base' {
  /** The request that is being served, for the FFI functions of the Lua module; undefined outside of one. */
  export function get_request(): import('ffi').CData | undefined
}

declare module 'ngx.base64' {
  /** RFC 4648 base64url without padding */
  export function encode_base64url(text: string): string
  export function decode_base64url(text: string): LuaMultiReturn<[text: string] | [text: undefined, err: string]>
}

declare module 'ngx.process' {
  /** name of the calling process' kind */
  export function type(): 'master' | 'worker' | 'single' | 'helper' | 'signaller' | 'privileged agent'
  /** In init only. */
  export function enable_privileged_agent(
    connections?: number,
  ): LuaMultiReturn<[ok: true] | [ok: undefined, err: string]>
  export function signal_graceful_exit(): void
  export function get_master_pid(): number | undefined
}

declare module 'ngx.errlog' {
  /** In init only, with `lua_capture_error_log`: keeps messages of this level and above. */
  export function set_filter_level(level: ngx.LogLevel): LuaMultiReturn<[ok: true] | [ok: undefined, err: string]>
  /** Flat triples: level, time (seconds), message; answers at most `max` of them and forgets them. */
  export function get_logs(
    max?: number,
    into?: (number | string)[],
  ): LuaMultiReturn<[logs: (number | string)[]] | [logs: undefined, err: string]>
  /** Level of the `error_log` directive in effect. */
  export function get_sys_filter_level(): ngx.LogLevel
  /** Writes `message` without the Lua prefix (source line, phase). */
  export function raw_log(level: ngx.LogLevel, message: string): void
}

declare module 'ngx.resp' {
  /** Adds to a header instead of replacing it, e.g. a second Set-Cookie. */
  export function add_header(name: string, value: string | readonly string[]): void
}

declare module 'ngx.req' {
  export function add_header(name: string, value: string | readonly string[]): void
}

declare module 'resty.lrucache' {
  interface Cache<V> {
    /** An expired value comes as (undefined, value, flags). */
    get(key: string | number): LuaMultiReturn<[value: V | undefined, stale: V | undefined, flags: number | undefined]>
    /** The least recently used entry makes place when it is full. Without `ttl_s` it never expires. */
    set(key: string | number, value: V, ttl_s?: number, flags?: number): void
    delete(key: string | number): boolean
    count(): number
    capacity(): number
    get_keys(max?: number): (string | number)[]
    flush_all(): void
  }
  /** Holds up to `size` entries, in this worker only; any Lua value. */
  function create<V>(size: number): LuaMultiReturn<[cache: Cache<V>] | [cache: undefined, err: string]>

  export { type Cache, create as new }
}
