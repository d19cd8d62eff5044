// PostgreSQL through a pool of connections. Every wait has a ceiling; a commit is durable when it is answered.
//
// A statement that is slow is cancelled by the server, and its connection stays. A server that is frozen cancels nothing: some
// seconds later the answer is no longer waited for, and the connection is thrown away, as when it breaks.
import { createHash } from 'node:crypto'
import pg from 'pg'
import { type Db, type Parameter, type Queries, retried, SESSION_SETTINGS, type TransactionOptions } from './db'

export interface PostgresOptions {
  database_url: string
  connections_max?: number
  /** of statements that are not long */
  statement_ms_max?: number
  onError?: (error: Error) => void
}

const CONNECTIONS_MAX = 10
const CONNECT_MS_MAX = 5_000
/** None of them takes a second on a quiet machine. */
const STATEMENT_MS_MAX = 25_000
/** A rebuild of millions of units is the longest statement. */
const LONG_STATEMENT_MS_MAX = 120_000
/** By so much the server's own word may be late. */
const ANSWER_SLACK_MS = 5_000
const LOCK_MS_MAX = 20_000
const IDLE_IN_TRANSACTION_MS_MAX = 30_000

const INT8 = 20
const INT8_ARRAY = 1016

/** What pg says; it has no code. */
const NO_ANSWER = 'Query read timeout'

export class PostgresDb implements Db {
  readonly kind = 'postgres'
  readonly restored = false
  private readonly pool: pg.Pool
  private readonly answer_ms_max: number
  private readonly names = new Map<string, string>()

  constructor(options: PostgresOptions) {
    const statement_ms_max = options.statement_ms_max ?? STATEMENT_MS_MAX
    this.answer_ms_max = statement_ms_max + Math.min(statement_ms_max, ANSWER_SLACK_MS)
    this.pool = new pg.Pool({
      connectionString: options.database_url,
      max: options.connections_max ?? CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      statement_timeout: statement_ms_max,
      query_timeout: this.answer_ms_max,
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

  async redelivered(): Promise<void> {}

  async query<Row>(sql: string, parameters: Parameter[] = []): Promise<Row[]> {
    return this.run<Row>(this.pool, sql, parameters, this.answer_ms_max)
  }

  transaction<T>(work: (queries: Queries) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const begin = options.snapshot ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN'
    const is_long = options.snapshot === true || options.long === true
    const answer_ms = is_long ? LONG_STATEMENT_MS_MAX + ANSWER_SLACK_MS : this.answer_ms_max
    return retried(async () => {
      const client = await this.pool.connect()
      let broken: Error | undefined
      const ask = async <Row>(sql: string, parameters: Parameter[]): Promise<Row[]> => {
        // behind one that is not answered none is
        if (broken !== undefined) throw broken
        return this.run<Row>(client, sql, parameters, answer_ms).catch((error: Error) => {
          if (error.message === NO_ANSWER) broken = error
          throw error
        })
      }
      // Callers may ask for several at once; the client takes one after another.
      let last: Promise<unknown> = Promise.resolve()
      const queries: Queries = {
        query: <Row>(sql: string, parameters: Parameter[] = []) => {
          const result = last.then(() => ask<Row>(sql, parameters))
          last = result.catch(() => undefined)
          return result
        },
      }
      try {
        await ask(begin, [])
        if (is_long) await ask(`SET LOCAL statement_timeout = ${LONG_STATEMENT_MS_MAX}`, [])
        const result = await work(queries)
        await ask('COMMIT', [])
        return result
      } catch (error) {
        await last
        // A connection that cannot even roll back is thrown away.
        await ask('ROLLBACK', []).catch((rollback_error: Error) => {
          broken = rollback_error
        })
        throw error
      } finally {
        client.release(broken)
      }
    })
  }

  async script(sql: string): Promise<void> {
    const text = `SET LOCAL statement_timeout = ${LONG_STATEMENT_MS_MAX};\n${sql}`
    await this.pool.query(withAnswerIn({ text }, LONG_STATEMENT_MS_MAX + ANSWER_SLACK_MS))
  }

  async durable(): Promise<void> {}

  async close(): Promise<void> {
    await this.pool.end()
  }

  private async run<Row>(
    on: pg.Pool | pg.PoolClient,
    text: string,
    values: Parameter[],
    answer_ms: number,
  ): Promise<Row[]> {
    const result = await on.query(withAnswerIn({ name: this.nameOf(text), text, values }, answer_ms))
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

/** pg reads `query_timeout` of each query; its types do not say so. */
function withAnswerIn(query: pg.QueryConfig, query_timeout: number): pg.QueryConfig {
  return { ...query, query_timeout } as pg.QueryConfig
}

function typeParser(oid: number, format?: string): (text: string) => unknown {
  if (oid === INT8) return Number
  if (oid === INT8_ARRAY) return (text) => JSON.parse('[' + text.slice(1, -1) + ']')
  return pg.types.getTypeParser(oid, format as 'text')
}
