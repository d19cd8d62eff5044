// The rows of accounts, beside the orders: a login must survive what an order survives. The ledger keeps what it is given;
// what a password is, sessions/password.ts knows.
import type { Queries } from '../db/db'
import { checkText } from './sale-rows'
import insertAccount from './sql/insert-account.sql'
import readAccount from './sql/read-account.sql'
import updateAccount from './sql/update-account.sql'

interface AccountRow {
  /** parameters, salt and hash; never the secret */
  password: string
  /** membership level, 0 to 9 */
  level: number
}

export interface AccountRows {
  find(user: string): Promise<AccountRow | undefined>
  /** False when there is one already, which then stays as it is. */
  add(user: string, account: AccountRow): Promise<boolean>
  /** What it is afterwards; undefined when there is none. */
  change(user: string, change: Partial<AccountRow>): Promise<AccountRow | undefined>
}

export class MemoryAccounts implements AccountRows {
  private readonly rows = new Map<string, AccountRow>()

  async find(user: string): Promise<AccountRow | undefined> {
    return structuredClone(this.rows.get(user))
  }

  async add(user: string, account: AccountRow): Promise<boolean> {
    checkText('user', user)
    if (this.rows.has(user)) return false
    this.rows.set(user, { ...account })
    return true
  }

  async change(user: string, { password, level }: Partial<AccountRow>): Promise<AccountRow | undefined> {
    const row = this.rows.get(user)
    if (row === undefined) return undefined
    const changed = { password: password ?? row.password, level: level ?? row.level }
    this.rows.set(user, changed)
    return { ...changed }
  }
}

export class SqlAccounts implements AccountRows {
  constructor(private readonly db: Queries) {}

  async find(user: string): Promise<AccountRow | undefined> {
    checkText('user', user)
    const [row] = await this.db.query<AccountRow>(readAccount, [user])
    return row
  }

  async add(user: string, { password, level }: AccountRow): Promise<boolean> {
    checkText('user', user)
    return (await this.db.query(insertAccount, [user, password, level])).length > 0
  }

  async change(user: string, { password, level }: Partial<AccountRow>): Promise<AccountRow | undefined> {
    checkText('user', user)
    const [row] = await this.db.query<AccountRow>(updateAccount, [user, password ?? null, level ?? null])
    return row
  }
}
