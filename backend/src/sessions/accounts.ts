// Who may log in: a port, so that accounts with passwords replace the demo ones without touching the sessions.
import { sameText } from '../secrets'

export interface Accounts {
  /** True when `secret` is the user's own. Takes the same time for users that do not exist. */
  verify(user: string, secret: string): Promise<boolean>
}

const DEMO_SECRET = 'demo'

/** Everybody is who they say, with the secret "demo". Only where RUSHGATE_DEMO=1. */
export class DemoAccounts implements Accounts {
  async verify(_user: string, secret: string): Promise<boolean> {
    return sameText(secret, DEMO_SECRET)
  }
}

/** Where there are no accounts yet: nobody logs in. */
export class NoAccounts implements Accounts {
  async verify(): Promise<boolean> {
    return false
  }
}
