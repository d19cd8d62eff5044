// One connection to Redis: its module's name, its login, and which Redis it is.
import type { Client, Module } from 'resty.redis'
import type { RedisAddress } from './environment'
import { nowS } from './nginx-calls'

interface RedisTimes {
  connect_ms: number
  /** for sending and for receiving */
  reply_ms: number
}

export interface RedisConnection {
  client: Client
  /** replication id: changes with a restart, so that a Redis that lost its memory is recognised */
  replid: string
  /** when it was made, by this node's clock */
  since_s: number
}

let module: Module | undefined

/** OpenResty has it as resty.redis, Debian as nginx.redis. */
function redisModule(): Module {
  if (module !== undefined) return module
  const [found, loaded] = pcall(require, 'resty.redis')
  module = (found ? loaded : require('nginx.redis')) as Module
  return module
}

interface WithSocket {
  _sock?: ngx.TcpSocket
  sock?: ngx.TcpSocket
}

/** The client's own TLS option is newer than Debian's version of it; its socket can be asked in both. */
function handshake(client: Client, host: string): string | undefined {
  const socket = (client as unknown as WithSocket)._sock ?? (client as unknown as WithSocket).sock
  if (socket === undefined) return 'no socket for TLS'
  const [session, failure] = socket.sslhandshake(undefined, host, true)
  return session ? undefined : failure
}

function login(client: Client, address: RedisAddress): string | undefined {
  if (address.password !== '') {
    const [ok, failure] =
      address.user === '' ? client.auth(address.password) : client.auth(address.user, address.password)
    if (!ok) return tostring(failure)
  }
  if (address.database !== 0) {
    const [ok, failure] = client.select(address.database)
    if (!ok) return tostring(failure)
  }
  return undefined
}

/** Returns (undefined, reason) when this Redis cannot be written to: away, refusing the login, loading, or a replica. */
export function connectRedis(
  address: RedisAddress,
  times: RedisTimes,
): LuaMultiReturn<[RedisConnection, undefined] | [undefined, string]> {
  const redis = redisModule()
  const [client] = redis.new()
  if (client === undefined) return $multi(undefined, 'no memory for a client')
  client.set_timeout(times.connect_ms)
  const [connected, failure] = client.connect(address.host, address.port)
  if (!connected) return $multi(undefined, failure ?? 'connect failed')
  client.set_timeout(times.reply_ms)
  let problem = address.tls ? handshake(client, address.server_name) : undefined
  if (problem === undefined) problem = login(client, address)
  let replid = ''
  if (problem === undefined) {
    const [info, reason] = client.info('replication')
    if (!info) problem = tostring(reason)
    else {
      const text = info as string
      const [role] = string.match(text, 'role:(%a+)')
      const [id] = string.match(text, 'master_replid:(%x+)')
      if (role !== 'master') problem = 'is a replica'
      replid = id ?? ''
    }
  }
  if (problem !== undefined) {
    client.close()
    return $multi(undefined, problem)
  }
  return $multi({ client, replid, since_s: nowS() }, undefined)
}
