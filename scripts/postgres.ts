// A PostgreSQL of our own in a folder, on loopback, for tests, fault runs and load runs.
//
// The server refuses to run as root, so that under root it runs as `nobody`, in a folder handed over to that user.
import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from './ports'
import { type DeathListener, ManagedProcess } from './processes'

const NOBODY = { uid: 65534, gid: 65534 }
const ROLE = 'rushgate'

export interface PostgresOptions {
  /** made when absent; a temporary folder, removed at stop(), when not given. Under root it must be reachable for `nobody`. */
  dir?: string
  port?: number
  /** false: faster, and what was committed may be lost in a power cut (not by kill -9). Default true. */
  fsync?: boolean
  onDeath?: DeathListener
}

export interface Postgres {
  /** of the database `rushgate` */
  url: string
  process: ManagedProcess
  /** An empty database beside the first; returns its url. */
  createDatabase(name: string): Promise<string>
  stop(): Promise<void>
}

/** The folder with initdb and postgres, the newest version first; undefined when PostgreSQL is not installed. */
export function postgresBinFolder(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(':')]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const bin = postgresBinFolder()
  if (bin === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql-15')
  const temporary = options.dir === undefined
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'rushgate-postgres-'))
  const port = options.port ?? (await freePort())
  const user = process.getuid?.() === 0 ? NOBODY : undefined
  const data = join(dir, 'data')
  mkdirSync(dir, { recursive: true })
  if (user !== undefined) chownSync(dir, user.uid, user.gid)
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(bin, data, user)

  const admin_url = `postgres://${ROLE}@127.0.0.1:${port}/postgres`
  const server = new ManagedProcess(
    {
      name: 'PostgreSQL',
      command: join(bin, 'postgres'),
      args: ['-D', data, '-p', String(port), '-k', '', '-h', '127.0.0.1', ...settings(options.fsync ?? true)],
      cwd: dir,
      user,
      log_file: join(dir, 'postgres.log'),
      ready: () => answers(admin_url),
      stop_signal: 'SIGINT', // fast shutdown: SIGTERM would wait for every client to leave
    },
    options.onDeath,
  )
  await server.start()
  const createDatabase = async (name: string) => {
    await withClient(admin_url, async (client) => {
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
      if (found.rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
    })
    return `postgres://${ROLE}@127.0.0.1:${port}/${encodeURIComponent(name)}`
  }
  const url = await createDatabase('rushgate')
  return {
    url,
    process: server,
    createDatabase,
    async stop() {
      await server.stop()
      if (temporary) rmSync(dir, { recursive: true, force: true })
    },
  }
}

function settings(fsync: boolean): string[] {
  const pairs = { fsync: fsync ? 'on' : 'off', max_connections: '200', logging_collector: 'off' }
  return Object.entries(pairs).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function initialise(bin: string, data: string, user: typeof NOBODY | undefined): Promise<void> {
  const args = ['-D', data, '-U', ROLE, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
  await promisify(execFile)(join(bin, 'initdb'), args, { ...user, cwd: join(data, '..') })
}

async function answers(url: string): Promise<boolean> {
  return withClient(url, async (client) => (await client.query('SELECT 1')).rowCount === 1)
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
