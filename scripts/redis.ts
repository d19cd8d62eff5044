// Redis as a process, with the settings that Rushgate relies on (docker-compose.yml names the same ones).
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './ports'
import { type DeathListener, ManagedProcess } from './processes'

export type Fsync = 'always' | 'everysec' | 'no'

/** A reservation is on disk before its shopper hears of it, and nothing is ever evicted. */
export const REDIS_SETTINGS = {
  appendonly: 'yes',
  appendfsync: 'always',
  'maxmemory-policy': 'noeviction',
  save: '""',
}

export interface RedisOptions {
  /** its own folder: the append-only files are in it */
  dir: string
  port?: number
  /** default `always` */
  fsync?: Fsync
  onDeath?: DeathListener
}

export class Redis extends ManagedProcess {
  readonly url: string

  constructor(
    readonly dir: string,
    readonly port: number,
    fsync: Fsync,
    onDeath?: DeathListener,
  ) {
    mkdirSync(dir, { recursive: true })
    const settings = {
      bind: '127.0.0.1',
      port: String(port),
      dir: `"${dir}"`,
      daemonize: 'no',
      ...REDIS_SETTINGS,
      appendfsync: fsync,
    }
    const config_file = join(dir, 'redis.conf')
    writeFileSync(config_file, lines(settings))
    super(
      {
        name: 'Redis',
        command: 'redis-server',
        args: [config_file],
        cwd: dir,
        log_file: join(dir, 'redis.log'),
        ready: () => redisAnswers(port),
      },
      onDeath,
    )
    this.url = `redis://127.0.0.1:${port}`
  }
}

/** Starts a Redis of its own; `stop()` ends it, `kill('SIGKILL')` and `start()` keep port and data. */
export async function startRedis(options: RedisOptions): Promise<Redis> {
  const port = options.port ?? (await freePort())
  const redis = new Redis(options.dir, port, options.fsync ?? 'always', options.onDeath)
  await redis.start()
  return redis
}

/** PING is answered by PONG: not while Redis is still loading its append-only file. */
export function redisAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'))
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')))
  })
}

function lines(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')
}
