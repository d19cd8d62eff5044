// Who may log in: a port, so that accounts with passwords replace the demo ones without touching the sessions.
import { sameText } from '../secrets'

export interface Account {
  /** membership level, 0 to 9 */
  level: number
}

export interface Accounts {
  /** The account when `secret` is the user's own. Takes the same time for users that do not exist. */
  verify(user: string, secret: string): Promise<Account | undefined>
}

const DEMO_SECRET = 'demo'

/** Everybody is who they say, with the secret "demo". Only where RUSHGATE_DEMO=1. */
export class DemoAccounts implements Accounts {
  async verify(_user: string, secret: string): Promise<Account | undefined> {
    return sameText(secret, DEMO_SECRET) ? { level: 0 } : undefined
  }
}

/** Where there are no accounts yet: nobody logs in. */
export class NoAccounts implements Accounts {
  async verify(): Promise<Account | undefined> {
    return undefined
  }
}
