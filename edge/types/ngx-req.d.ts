/** @noSelfInFile */
// `ngx.req`: the current request. Not to be had in timers and in init.

declare namespace ngx {
  /** @noSelf */
  interface Request {
    get_method(): string
    /** one of the constants `ngx.HTTP_GET` … */
    set_method(method: number): void
    /** 1, 1.1, 2, 3, 0.9; undefined in a subrequest without one */
    http_version(): number | undefined
    /**
     * Headers with lower-case names (also found under other spellings, through a metatable); one that came several times
     * is an array. At most `max` (100 when left out; 0: all): more give 'truncated' beside the table. `raw`: names as sent.
     */
    get_headers(
      max?: number,
      raw?: boolean,
    ): LuaMultiReturn<[headers: Record<string, string | string[] | undefined>, err: 'truncated' | undefined]>
    set_header(name: string, value: string | number | readonly string[] | undefined): void
    clear_header(name: string): void
    /** Arguments of the URI, decoded. A bare name is `true`; a repeated one an array. 'truncated' beyond `max` (100; 0: all). */
    get_uri_args(
      max?: number,
    ): LuaMultiReturn<[args: Record<string, Argument | undefined>, err: 'truncated' | undefined]>
    set_uri_args(
      args: string | Record<string, string | number | boolean | readonly (string | number | boolean)[]>,
    ): void
    /** Of an urlencoded body that was read and is in memory; undefined and a reason otherwise. */
    get_post_args(
      max?: number,
    ): LuaMultiReturn<
      [args: Record<string, Argument | undefined>, err: 'truncated' | undefined] | [args: undefined, err: string]
    >
    /** Rewrites the URI; with `jump` (only in rewrite) looks for its location anew. The text must be a valid, escaped URI. */
    set_uri(uri: string, jump?: boolean): void

    /** Reads the body into memory, or into a file beyond `client_body_buffer_size`. Yields. 413 ends the handler. */
    read_body(): void
    /** undefined when there is none, it was not read, or it is in a file (`get_body_file`). `max` bytes at most where the version has it. */
    get_body_data(max?: number): string | undefined
    get_body_file(): string | undefined
    discard_body(): void
    set_body_data(data: string): void
    set_body_file(name: string, auto_clean?: boolean): void

    /** Header block as it was received; HTTP/1 only: raises an error on HTTP/2 and 3. */
    raw_header(no_request_line?: boolean): string
    /** seconds since 1970 with milliseconds */
    start_time(): number
    is_internal(): boolean
    /** The client's connection; `raw`: for both reading and writing. */
    socket(raw?: boolean): LuaMultiReturn<[socket: TcpSocket] | [socket: undefined, err: string]>
  }
}
