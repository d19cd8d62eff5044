// PostgreSQL through a pool of connections. Every wait has a ceiling; a commit is durable when it is answered.
import { createHash } from 'node:crypto'
import pg from 'pg'
import { type Db, type Parameter, type Queries, retried, SESSION_SETTINGS, type TransactionOptions } from './db'

export interface PostgresOptions {
  database_url: string
  connections_max?: number
  onError?: (error: Error) => void
}

const CONNECTIONS_MAX = 10
const CONNECT_MS_MAX = 5_000
/** A rebuild of millions of units is the longest statement. */
const STATEMENT_MS_MAX = 120_000
const LOCK_MS_MAX = 20_000
const IDLE_IN_TRANSACTION_MS_MAX = 30_000

const INT8 = 20
const INT8_ARRAY = 1016

export class PostgresDb implements Db {
  readonly kind = 'postgres'
  readonly restored = false
  private readonly pool: pg.Pool
  private readonly names = new Map<string, string>()

  constructor(options: PostgresOptions) {
    this.pool = new pg.Pool({
      connectionString: options.database_url,
      max: options.connections_max ?? CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      statement_timeout: STATEMENT_MS_MAX,
      lock_timeout: LOCK_MS_MAX,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
      application_name: 'rushgate',
      options: Object.entries(SESSION_SETTINGS)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
      types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
    })
    // A connection that breaks must not end the process, idle or in a transaction; the pool opens another.
    this.pool.on('error', (error) => options.onError?.(error))
    this.pool.on('connect', (client) => client.on('error', (error) => options.onError?.(error)))
  }

  async query<Row>(sql: string, parameters: Parameter[] = []): Promise<Row[]> {
    return this.run<Row>(this.pool, sql, parameters)
  }

  transaction<T>(work: (queries: Queries) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const begin = options.snapshot ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN'
    return retried(async () => {
      const client = await this.pool.connect()
      // Callers may ask for several at once; the client takes one after another.
      let last: Promise<unknown> = Promise.resolve()
      const queries: Queries = {
        query: <Row>(sql: string, parameters: Parameter[] = []) => {
          const result = last.then(() => this.run<Row>(client, sql, parameters))
          last = result.catch(() => undefined)
          return result
        },
      }
      let broken: Error | undefined
      try {
        await client.query(begin)
        const result = await work(queries)
        await client.query('COMMIT')
        return result
      } catch (error) {
        await last
        // A connection that cannot even roll back is thrown away.
        await client.query('ROLLBACK').catch((rollback_error: Error) => {
          broken = rollback_error
        })
        throw error
      } finally {
        client.release(broken)
      }
    })
  }

  async script(sql: string): Promise<void> {
    await this.pool.query(sql)
  }

  async durable(): Promise<void> {}

  async close(): Promise<void> {
    await this.pool.end()
  }

  private async run<Row>(on: pg.Pool | pg.PoolClient, text: string, values: Parameter[]): Promise<Row[]> {
    const result = await on.query({ name: this.nameOf(text), text, values })
    return result.rows as Row[]
  }

  /** Named, so that each connection parses and plans it once. */
  private nameOf(sql: string): string {
    let name = this.names.get(sql)
    if (name === undefined) {
      name = createHash('sha256').update(sql).digest('hex').slice(0, 32)
      this.names.set(sql, name)
    }
    return name
  }
}

function typeParser(oid: number, format?: string): (text: string) => unknown {
  if (oid === INT8) return Number
  if (oid === INT8_ARRAY) return (text) => JSON.parse('[' + text.slice(1, -1) + ']')
  return pg.types.getTypeParser(oid, format as 'text')
}
