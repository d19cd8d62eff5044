// The gate to be loaded: one that runs already, or a stack of our own.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Admin } from '../faults/ledger-reader'
import { kafkaEnvironment, ROLES_BESIDE_SETTLERS, Settlers } from '../faults/settlers'
import { type Kafka, startKafka } from '../scripts/engines/kafka'
import { startPostgres } from '../scripts/postgres'
import type { ManagedProcess } from '../scripts/processes'
import { ROOT, type Stack, startStack } from '../scripts/stack'

const ADMIN_TIMEOUT_MS = 60_000
/** Where they are processes of their own. */
const SETTLERS = 2

export interface Target {
  gate_url: string
  admin: Admin
  /** what the gate wrote into its error log; '' where it is not ours to read */
  errorLog(): string
  /** ours, where the run started it: faults need one */
  stack?: Stack
  /** the ledger's process, where it is PostgreSQL and ours */
  postgres?: ManagedProcess
  /** orders go through it */
  kafka?: Kafka
  settlers?: Settlers
  stop(): Promise<void>
}

interface RunningTarget {
  url: string
  admin_url?: string
}

/** Finds the admin token as `npm start` leaves it, or in the environment. */
export async function useRunning({ url, admin_url }: RunningTarget): Promise<Target> {
  const gate_url = url.replace(/\/+$/, '')
  // npm start puts the admin API on the port after the gate's
  const gate = new URL(gate_url)
  const admin_base = admin_url?.replace(/\/+$/, '') ?? `http://${gate.hostname}:${Number(gate.port || 80) + 1}`
  const token = process.env.RUSHGATE_ADMIN_TOKEN ?? tokenOfStart()
  if (token === undefined) {
    throw new Error('no admin token: set RUSHGATE_ADMIN_TOKEN, or start the gate with `npm start`, or use --start')
  }
  const live = await fetch(`${gate_url}/livez`).catch(() => undefined)
  if (live === undefined) throw new Error(`nothing answers at ${gate_url}: start it with \`npm start\`, or use --start`)
  return { gate_url, admin: adminOf(admin_base, token), errorLog: () => '', stop: async () => {} }
}

function tokenOfStart(): string | undefined {
  const file = join(ROOT, '.rushgate/secrets.json')
  if (!existsSync(file)) return undefined
  return (JSON.parse(readFileSync(file, 'utf8')) as { admin_token: string }).admin_token
}

function adminOf(base: string, token: string): Admin {
  return async <T>(method: string, path: string, body?: unknown) => {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${base}${path}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }
}

/** `config`: the gate's rushgate.json; default the repository's. */
export async function startOwn(
  dir: string,
  database: 'pglite' | 'postgres',
  workers: number,
  config?: string,
  with_kafka = false,
): Promise<Target> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const postgres = database === 'postgres' ? await startPostgres() : undefined
  const kafka = with_kafka ? await startKafka({ folder: join(dir, 'kafka') }) : undefined
  try {
    const database_url = postgres?.url
    const env = kafka === undefined ? {} : await kafkaEnvironment(kafka, '')
    const apart = kafka !== undefined && database_url !== undefined
    const roles = apart ? ROLES_BESIDE_SETTLERS : undefined
    const stack = await startStack({ dir: join(dir, 'stack'), workers, config, database_url, env, roles })
    const settlers = apart ? new Settlers(stack, { database_url, env }) : undefined
    for (let i = 0; i < SETTLERS; i++) await settlers?.add()
    return {
      gate_url: stack.urls.gate,
      stack,
      postgres: postgres?.process,
      kafka,
      settlers,
      admin: stack.admin.bind(stack),
      errorLog: () => stack.error_log(),
      async stop() {
        await settlers?.stop()
        await stack.stop()
        await kafka?.stop()
        await postgres?.stop()
      },
    }
  } catch (error) {
    await kafka?.stop()
    await postgres?.stop()
    throw error
  }
}
