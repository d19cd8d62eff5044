// A database behind a breaker: while it is away nobody waits for a connection that does not come.
import { Breaker } from '../breaker'
import { codeOf, type Db } from './db'

/** Not a statement that failed, nor one that waited too long for a lock: nobody was there to take it, or to answer. */
const AWAY_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  '53300',
  '57P01',
  '57P02',
  '57P03',
])
const AWAY_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Connection ended unexpectedly|Query read timeout/i

export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (AWAY_CODES.has(codeOf(error)) || AWAY_MESSAGES.test(error.message)) return true
  return error instanceof AggregateError && error.errors.some(isUnreachable)
}

export function guardedDb(db: Db, onChange: (is_open: boolean, name: string) => void): Db {
  const breaker = new Breaker({ name: 'PostgreSQL', isFailure: isUnreachable, onChange })
  return {
    kind: db.kind,
    restored: db.restored,
    redelivered: () => db.redelivered(),
    query: (sql, parameters) => breaker.run(() => db.query(sql, parameters)),
    transaction: (work, options) => breaker.run(() => db.transaction(work, options)),
    script: (sql) => db.script(sql),
    durable: () => db.durable(),
    close: () => db.close(),
  }
}
