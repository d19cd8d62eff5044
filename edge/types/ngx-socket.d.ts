/** @noSelfInFile */
// `ngx.socket`: cosockets. They yield instead of blocking, and exist in rewrite, access, content, timer and ssl phases;
// creating one in init_worker, header_filter, body_filter or log raises an error. One belongs to the request (or timer)
// that made it and ends with it; two light threads may use it at once only if one reads and the other writes.

declare namespace ngx {
  /** @noSelf */
  interface Sockets {
    tcp(): LuaMultiReturn<[socket: TcpSocket] | [socket: undefined, err: string]>
    /** tcp() and connect() in one. */
    connect(host: string, port: number): LuaMultiReturn<[socket: TcpSocket] | [socket: undefined, err: string]>
    udp(): LuaMultiReturn<[socket: UdpSocket] | [socket: undefined, err: string]>
  }

  interface ConnectOptions {
    /** name of the pool of idle connections; host:port when left out */
    pool?: string
    /** idle connections kept (`lua_socket_pool_size` when left out) */
    pool_size?: number
    /** how many connects may wait for a place in the pool; then 'too many waiting connect operations' */
    backlog?: number
  }

  type SslSession = { readonly __ngx_ssl_session: unique symbol }

  /** Texts, or nested arrays of them: joined without making one Lua string. */
  type SocketData = string | number | readonly SocketData[]

  /**
   * Errors are texts: 'timeout', 'closed', 'connection refused', 'connection reset by peer', 'broken pipe' … After an
   * error in connect, send or receive the connection is closed; only a 'timeout' of receive leaves it open, with
   * the reply still to come: close it, or the next reader gets the late reply.
   */
  interface TcpSocket {
    connect(
      host: string,
      port: number,
      options?: ConnectOptions,
    ): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** 'unix:/path' */
    connect(path: string, options?: ConnectOptions): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /**
     * TLS. `session`: one from an earlier handshake, undefined for none, false to skip making one (answers true).
     * `verify` needs `lua_ssl_trusted_certificate`; `server_name` is for SNI and verification.
     */
    sslhandshake(
      session?: SslSession | false,
      server_name?: string,
      verify?: boolean,
      ocsp_request?: boolean,
    ): LuaMultiReturn<[session: SslSession | true] | [session: undefined | false, err: string]>
    /** Answers the number of bytes given to the system's buffers. */
    send(data: SocketData): LuaMultiReturn<[bytes: number] | [bytes: undefined, err: string]>
    /** Exactly `size` bytes; or a line without its end ('*l', the default); or all until it closes ('*a'). */
    receive(
      size_or_pattern?: number | '*l' | '*a',
    ): LuaMultiReturn<[data: string] | [data: undefined, err: string, partial: string]>
    /** Whatever has arrived, at most `max` bytes. */
    receiveany(max: number): LuaMultiReturn<[data: string] | [data: undefined, err: string, partial: string]>
    /** An iterator that reads up to the next `pattern`; (undefined, undefined) marks its end when read in pieces. */
    receiveuntil(
      pattern: string,
      options?: { inclusive?: boolean },
    ): (this: void, size?: number) => LuaMultiReturn<[data: string] | [data: undefined, err?: string, partial?: string]>
    close(): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** All three, in milliseconds; applies to what is called afterwards. */
    settimeout(ms: number): void
    settimeouts(connect_ms: number, send_ms: number, read_ms: number): void
    setoption(
      option: 'keepalive' | 'reuseaddr' | 'tcp-nodelay' | 'sndbuf' | 'rcvbuf',
      value: boolean | number,
    ): LuaMultiReturn<[ok: 1 | true] | [ok: undefined, err: string]>
    /** Puts the connection into its pool for `idle_ms` (0: for ever) and makes this object unusable. */
    setkeepalive(idle_ms?: number, pool_size?: number): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** 0: new, not from the pool */
    getreusedtimes(): LuaMultiReturn<[times: number] | [times: undefined, err: string]>
  }

  interface UdpSocket {
    setpeername(host: string, port: number): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    setpeername(path: string): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    send(data: SocketData): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
    /** One datagram, at most `size` bytes (8192 when left out). */
    receive(size?: number): LuaMultiReturn<[data: string] | [data: undefined, err: string]>
    settimeout(ms: number): void
    close(): LuaMultiReturn<[ok: 1] | [ok: undefined, err: string]>
  }
}
