// Redis as a process, with the settings that Rushgate relies on (docker-compose.yml names the same ones).
import { mkdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports'
import { type DeathListener, ManagedProcess } from './processes'

/** One that is still ending, after its starter was killed, may take this long. */
const OTHER_ENDS_MS = 5000

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
      pidfile: `"${join(dir, 'redis.pid')}"`,
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

  /** Two servers appending to the same files would ruin them, so that the folder must be nobody else's. */
  override async start(): Promise<void> {
    await this.wait()
    const deadline = Date.now() + OTHER_ENDS_MS
    for (let other = ownerOf(this.dir); other !== 0; other = ownerOf(this.dir)) {
      if (Date.now() > deadline) throw new Error(`${this.dir} is in use: another Redis (pid ${other}) runs in it`)
      await sleep(100)
    }
    await super.start()
  }
}

/** Pid of the Redis that runs in the folder; 0 when there is none. The pid file may be older than its process. */
function ownerOf(dir: string): number {
  try {
    const pid = Number(readFileSync(join(dir, 'redis.pid'), 'utf8'))
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dir) ? pid : 0
  } catch {
    return 0
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
function redisAnswers(port: number): Promise<boolean> {
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
