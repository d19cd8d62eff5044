/** @noSelfInFile */
// lua-resty-redis: `resty.redis` in OpenResty, `nginx.redis` (0.27, without TLS and usernames) on Debian.

declare module 'resty.redis' {
  /** A NULL reply is `ngx.null`; an error inside an array is `[false, text]`. */
  type Reply = string | number | ngx.Null | readonly (Reply | false)[]

  /** (false, text): Redis refused the command. (undefined, text): the connection failed; close it. */
  type Result = LuaMultiReturn<[reply: Reply] | [reply: false, err: string] | [reply: undefined, err: string]>

  /** While a pipeline is open (`init_pipeline`) commands answer nothing of use: their replies come from `commit_pipeline`. */
  interface Client {
    connect(
      host: string,
      port: number,
      options?: ngx.ConnectOptions & { ssl?: boolean; ssl_verify?: boolean; server_name?: string },
    ): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** 'unix:/path' */
    connect(path: string, options?: ngx.ConnectOptions): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** milliseconds, for connect, send and receive */
    set_timeout(ms: number): void
    /** not in 0.27 */
    set_timeouts?(connect_ms: number, send_ms: number, read_ms: number): void
    set_keepalive(idle_ms?: number, pool_size?: number): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    get_reused_times(): LuaMultiReturn<[times: number] | [times: undefined, err: string]>
    close(): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>

    /** `commands`: how many to expect, so that the table is made in one go (4 when left out) */
    init_pipeline(commands?: number): void
    cancel_pipeline(): void
    /** One reply a command. A time-out inside loses the rest: close the connection. */
    commit_pipeline(): LuaMultiReturn<
      [replies: (Reply | readonly [false, string])[]] | [replies: undefined, err: string]
    >

    auth(password: string): Result
    auth(user: string, password: string): Result
    select(database: number): Result
    ping(): Result
    get(key: string): Result
    set(key: string, value: string | number, ...options: (string | number)[]): Result
    del(...keys: string[]): Result
    incr(key: string): Result
    expire(key: string, seconds: number): Result
    hget(key: string, field: string): Result
    hset(key: string, field: string, value: string | number, ...more: (string | number)[]): Result
    eval(script: string, keys: number, ...args: (string | number)[]): Result
    evalsha(sha: string, keys: number, ...args: (string | number)[]): Result
    script(command: 'load', script: string): Result
    info(section?: string): Result
    /** Any other command, by its name in lower case. */
    readonly [command: string]: unknown
  }

  interface Module {
    readonly _VERSION: string
    /** Called on the module, as in `redis:new()`; the quotes keep TypeScript from reading a constructor. */
    'new'(): LuaMultiReturn<[client: Client] | [client: undefined, err: string]>
  }
}

declare module 'nginx.redis' {
  export type * from 'resty.redis'
}
