/** @noSelfInFile */
// The API of lua-nginx-module (0.10.21 and newer, HTTP subsystem) as the global `ngx`, from its reference:
// https://github.com/openresty/lua-nginx-module#nginx-api-for-lua. Requests are in ngx-req.d.ts, sockets in
// ngx-socket.d.ts, shared memory in ngx-shared.d.ts.
//
// Read in the types: `undefined` is nil; functions that fail answer (undefined, error), so that testing the first
// value narrows the second. What raises a Lua error instead says so.

declare const ngx: ngx.Api

declare namespace ngx {
  /** `ngx.null`: stands for NULL where nil cannot: in cjson and in replies of Redis. It is truthy. */
  type Null = { readonly __ngx_null: unique symbol }

  /** What `say` and `print` take: nested arrays are written element by element, nil as "nil", booleans by name. */
  type Output = string | number | boolean | undefined | Null | readonly Output[]

  /** A value of an argument or header that came once, several times, or (`true`) as a bare name. */
  type Argument = string | true | (string | true)[]

  type Phase =
    | 'init'
    | 'init_worker'
    | 'exit_worker'
    | 'ssl_cert'
    | 'ssl_session_fetch'
    | 'ssl_session_store'
    | 'ssl_client_hello'
    | 'set'
    | 'server_rewrite'
    | 'rewrite'
    | 'balancer'
    | 'access'
    | 'content'
    | 'header_filter'
    | 'body_filter'
    | 'log'
    | 'timer'

  /** Severity for `ngx.log`: `ngx.ERR`, `ngx.WARN` … */
  type LogLevel = number & { readonly __ngx_log_level?: never }

  /**
   * nginx variables, of the current request only: reading one in a timer or in init raises an error. Each read makes a
   * new Lua string (35 to 130 ns): read once. Only variables that the configuration declares can be written.
   */
  interface Variables {
    [name: string]: string | undefined
    request_method: string
    /** path without arguments, decoded and normalised */
    uri: string
    /** path and arguments as they were sent */
    request_uri: string
    /** the arguments without '?'; undefined when there is none */
    args: string | undefined
    /** the client's address, or 'unix:' */
    remote_addr: string
    /** 4 or 16 bytes */
    binary_remote_addr: string
    remote_port: string
    host: string
    scheme: string
    server_port: string
    server_protocol: string
    /** 32 hex digits */
    request_id: string
    /** seconds since the request's first byte, three decimals */
    request_time: string
    /** serial number of the connection in this nginx */
    connection: string
    status: string
  }

  /** Lives as long as the request; every internal redirect starts with an empty one. */
  interface Context {
    [key: string]: unknown
  }

  /** Headers of the response. Underscores in names stand for dashes. Assign undefined to remove one, an array to send several. */
  interface ResponseHeaders {
    [name: string]: string | number | readonly string[] | undefined
  }

  /** @noSelf */
  interface Api extends Constants {
    readonly var: Variables
    /** The first read in a request costs a table; keep it in a local. */
    ctx: Context
    readonly header: ResponseHeaders
    /** The response's status; write it before anything is sent. */
    status: number
    /** true once the header has been sent, or been given to the output chain */
    readonly headers_sent: boolean
    /** subrequests, internal redirects by the named location `@…` included */
    readonly is_subrequest: boolean
    readonly arg: [chunk: string, eof: boolean]

    readonly req: Request
    readonly resp: Response
    readonly shared: { readonly [name: string]: SharedDict | undefined }
    readonly socket: Sockets
    readonly timer: Timers
    readonly thread: Threads
    readonly worker: Worker
    readonly config: Config
    readonly re: Re
    readonly location: Locations

    /** Redirects internally to another location, which starts anew with an empty `ngx.ctx`. Ends the current handler: write `return ngx.exec(…)`. */
    exec(uri: string, args?: string | Record<string, string | number | boolean>): void
    /** Answers with a redirect, 302 when `status` is left out (301, 302, 303, 307 or 308). Ends the handler. */
    redirect(uri: string, status?: number): void
    /**
     * Ends the handler. Status ≥ 200: ends the request with it (nginx's error page when nothing was sent yet);
     * `ngx.OK`: ends this phase only. In header_filter, balancer and ssl phases it returns to the caller: write `return ngx.exit(…)`.
     */
    exit(status: number): void
    /** Ends the response's body; the handler may go on. Fails in HTTP/1.0 keep-alive and after the connection is gone. */
    eof(): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** Sends the header only. */
    send_headers(): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** Writes to the response's body, asynchronously. */
    print(...output: Output[]): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** `print` with a line feed after it. */
    say(...output: Output[]): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** Flushes what was written; with `true` waits until it is in the send buffers of the system (yields). */
    flush(wait?: boolean): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** Writes one line to the error log, everything after the level joined; cut at 2048 bytes. Tables need `__tostring`. */
    log(level: LogLevel, ...message: unknown[]): void
    /** Calls `callback` in a light thread when the client closes early (needs `lua_check_client_abort on`). */
    on_abort(callback: (this: void) => void): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>

    /** Seconds since 1970 with milliseconds, from nginx's cached clock: as old as the current turn of the event loop. */
    now(): number
    /** Whole seconds since 1970, cached. */
    time(): number
    /** Renews the cached clock: a system call. */
    update_time(): void
    /** yyyy-mm-dd, local */
    today(): string
    /** yyyy-mm-dd hh:mm:ss, local */
    localtime(): string
    /** yyyy-mm-dd hh:mm:ss, UTC */
    utctime(): string
    /** seconds → 'Thu, 18 Nov 2010 11:27:35 GMT' */
    http_time(seconds: number): string
    parse_http_time(text: string): number | undefined
    cookie_time(seconds: number): string
    /** Yields for that many seconds (0.001 is the finest; 0 yields once). Not in phases without yielding. */
    sleep(seconds: number): void
    get_phase(): Phase

    encode_base64(text: string, no_padding?: boolean): string
    /** undefined when the text is not base64 (padding may be missing) */
    decode_base64(text: string): string | undefined
    /** unsigned; `_short` suits texts below 60 bytes, `_long` longer ones: same result */
    crc32_short(text: string): number
    crc32_long(text: string): number
    /** 32 hex digits */
    md5(text: string): string
    md5_bin(text: string): string
    /** 20 bytes */
    sha1_bin(text: string): string
    /** 20 bytes; needs nginx with OpenSSL */
    hmac_sha1(key: string, text: string): string
    /** type 0: whole URI, type 2 (the default): one component */
    escape_uri(text: string, type?: 0 | 2): string
    unescape_uri(text: string): string
    encode_args(args: Record<string, string | number | boolean | readonly (string | number | boolean)[]>): string
    /** At most `max` arguments (100 when left out; 0: all); more give the error 'truncated' beside the table. */
    decode_args(
      text: string,
      max?: number,
    ): LuaMultiReturn<[args: Record<string, Argument>, err: 'truncated' | undefined]>
    quote_sql_str(text: string): string
  }

  /** @noSelf */
  interface Response {
    /** Headers of the response so far, names lower case. */
    get_headers(
      max?: number,
      raw?: boolean,
    ): LuaMultiReturn<[headers: Record<string, string | string[]>, err: 'truncated' | undefined]>
  }

  /** @noSelf */
  interface Timers {
    /**
     * Runs `callback` once in a light thread of its own after `delay_s` seconds (0: at once, outside the present
     * request). `premature` is true when the worker is exiting: clean up and return. Fails with 'process exiting' or
     * 'too many pending timers' (`lua_max_pending_timers`); a timer that finds `lua_max_running_timers` used up is
     * dropped with a line in the error log.
     */
    at<A extends unknown[]>(
      delay_s: number,
      callback: (this: void, premature: boolean, ...args: A) => void,
      ...args: A
    ): LuaMultiReturn<[ok: 1 | true] | [ok: undefined | false, err: string]>
    /** The same every `delay_s` seconds (> 0), whether or not the last run has ended. */
    every<A extends unknown[]>(
      delay_s: number,
      callback: (this: void, premature: boolean, ...args: A) => void,
      ...args: A
    ): LuaMultiReturn<[ok: 1 | true] | [ok: undefined | false, err: string]>
    running_count(): number
    pending_count(): number
  }

  interface Thread {
    readonly __ngx_thread: unique symbol
  }

  /** @noSelf */
  interface Threads {
    /** Starts a light thread: it runs at once until it first yields. The request (or timer) waits for all of its threads. */
    spawn<A extends unknown[]>(body: (this: void, ...args: A) => unknown, ...args: A): Thread
    /** Waits for the first of these threads to end. `ok` is false when it died by a Lua error. Only the parent may wait. */
    wait(...threads: Thread[]): LuaMultiReturn<[ok: boolean, ...results: unknown[]]>
    /** Fails when the thread is not this coroutine's, has ended, or is in a subrequest. */
    kill(thread: Thread): LuaMultiReturn<[ok: 1 | true] | [ok: undefined, err: string]>
  }

  /** @noSelf */
  interface Worker {
    /** true once this worker was told to stop: take no new work */
    exiting(): boolean
    pid(): number
    pids(): number[]
    /** 0 … count − 1; undefined in the master, the cache processes and the privileged agent */
    id(): number | undefined
    count(): number
  }

  /** @noSelf */
  interface Config {
    readonly debug: boolean
    readonly subsystem: 'http' | 'stream'
    /** 1.22.1 is 1022001 */
    readonly nginx_version: number
    /** 0.10.23 is 10023 */
    readonly ngx_lua_version: number
    /** the prefix of `nginx -p`, with a slash at its end */
    prefix(): string
    nginx_configure(): string
  }

  /** A match: [0] is the whole, then the groups; a group that took no part is false. Names of named groups are keys too. */
  interface Captures {
    readonly [group: number | string]: string | false | undefined
  }

  /** PCRE. Options: 'j' compile, 'o' once, 'i' no case, 'x', 's', 'm', 'u', 'a' anchored. @noSelf */
  interface Re {
    match(
      subject: string,
      regex: string,
      options?: string,
      ctx?: { pos?: number },
    ): LuaMultiReturn<[captures: Captures] | [captures: undefined, err: string | undefined]>
    find(
      subject: string,
      regex: string,
      options?: string,
      ctx?: { pos?: number },
      group?: number,
    ): LuaMultiReturn<[from: number, to: number] | [from: undefined, to: undefined, err: string | undefined]>
    sub(
      subject: string,
      regex: string,
      replace: string | ((this: void, captures: Captures) => string),
      options?: string,
    ): LuaMultiReturn<[text: string, count: number] | [text: undefined, count: undefined, err: string]>
    gsub(
      subject: string,
      regex: string,
      replace: string | ((this: void, captures: Captures) => string),
      options?: string,
    ): LuaMultiReturn<[text: string, count: number] | [text: undefined, count: undefined, err: string]>
  }

  interface CaptureOptions {
    method?: number
    body?: string
    args?: string | Record<string, string | number | boolean>
    ctx?: Context
    vars?: Record<string, string>
    copy_all_vars?: boolean
    share_all_vars?: boolean
    always_forward_body?: boolean
  }

  interface CaptureResult {
    status: number
    header: Record<string, string | string[]>
    body: string
    /** the body is not whole */
    truncated: boolean
  }

  /** @noSelf */
  interface Locations {
    /** A subrequest in this nginx, buffered whole in memory; no network. Not on HTTP/2 in older versions. */
    capture(uri: string, options?: CaptureOptions): CaptureResult
  }
}
