// Who may log in: accounts of the ledger, and where RUSHGATE_DEMO=1 everybody else too, with the secret "demo".
import { Refusal } from '../http/refusal'
import type { Ledger } from '../ledger/port'
import { sameText } from '../secrets'
import type { Passwords } from './password'
import type { Sessions } from './sessions'

export interface Account {
  user: string
  /** membership level, 0 to 9 */
  level: number
}

interface AccountChange {
  secret?: string
  level?: number
}

const DEMO_SECRET = 'demo'

export class Accounts {
  constructor(
    private readonly ledger: Ledger,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
    private readonly demo: boolean,
  ) {}

  /** The account when `secret` is the user's own. Takes the same time for users that do not exist (but in the demo). */
  async verify(user: string, secret: string): Promise<Account | undefined> {
    const row = await this.ledger.accounts.find(user)
    if (row === undefined && this.demo) return sameText(secret, DEMO_SECRET) ? { user, level: 0 } : undefined
    const is_right = await this.passwords.verify(secret, row?.password)
    return is_right && row !== undefined ? { user, level: row.level } : undefined
  }

  async add(user: string, secret: string, level: number): Promise<Account> {
    const password = await this.passwords.hash(secret)
    if (!(await this.ledger.accounts.add(user, { password, level }))) {
      throw new Refusal('conflict', 'user: has an account already; change it with PATCH')
    }
    await this.ledger.durable()
    return { user, level }
  }

  /** Ends the user's sessions: what they hold is the old level, and perhaps they were got with a secret that leaked. */
  async change(user: string, { secret, level }: AccountChange): Promise<Account> {
    const password = secret === undefined ? undefined : await this.passwords.hash(secret)
    const row = await this.ledger.accounts.change(user, { password, level })
    if (row === undefined) throw new Refusal('not_found', 'there is no account of this user')
    // makes the change durable too
    await this.sessions.end(user)
    return { user, level: row.level }
  }
}
