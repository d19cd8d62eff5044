// What the ledger needs of a database: queries, transactions, and to know when a commit survives a power cut.
// Two drivers: PostgreSQL through `pg`, and PGlite in a worker thread. The same SQL runs on both.

export type Parameter = string | number | boolean | null

/** 64-bit integers come as numbers: nothing here reaches 2^53. */
export type Value = string | number | boolean | null | number[] | string[]

export interface Queries {
  /** One statement, with $1 … for its parameters. Arrays go in as text, see `array.ts`. */
  query<Row>(sql: string, parameters?: Parameter[]): Promise<Row[]>
}

export interface TransactionOptions {
  /** reads only, all of them from one snapshot; may take long */
  snapshot?: boolean
  /** touches millions of rows, as a rebuild does: its statements may take minutes */
  long?: boolean
}

export interface Db extends Queries {
  readonly kind: 'pglite' | 'postgres'
  /** What was committed since the last durable point may be missing: the folder was put back to it. Always false on PostgreSQL. */
  readonly restored: boolean
  /** All that was acknowledged elsewhere since that point comes again: not `restored` any more, on the next open neither. */
  redelivered(): Promise<void>
  /** `work` may be run again from the start when the database asks for it (deadlock, serialization): it must have no effect elsewhere. */
  transaction<T>(work: (queries: Queries) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Several statements without parameters, in one transaction. */
  script(sql: string): Promise<void>
  /** Resolves when all that was committed before the call survives a power cut. */
  durable(): Promise<void>
  close(): Promise<void>
}

/**
 * Set in every session. Each statement touches few rows and finds them by key; without statistics (a fresh table, PGlite) the planner would
 * rather scan the whole table once a batch, which costs more with each order in it.
 */
export const SESSION_SETTINGS: Record<string, string> = { enable_hashjoin: 'off', enable_mergejoin: 'off', jit: 'off' }

const RETRIED = new Set(['40001', '40P01'])
const TRANSACTION_TRIES_MAX = 6

/** Runs a transaction again after a deadlock or serialization failure, with a growing random pause. */
export async function retried<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (tries >= TRANSACTION_TRIES_MAX || !RETRIED.has(codeOf(error))) throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** tries))
    }
  }
}

/** SQLSTATE of a database error; '' for any other. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}
