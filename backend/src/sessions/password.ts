// Passwords: scrypt with a salt of each account's own, kept as "$scrypt$ln=15,r=8,p=3$<salt>$<hash>" (base64url).
//
// N = 2^15, r = 8, p = 3 is one of OWASP's equivalent settings: 32 MiB of memory and 180 ms of one core for each
// guess, the attacker's as well as ours. So the number of hashes in progress has a ceiling: beyond it a login is refused as
// busy in no time, and the purchases of those who are signed in go on.
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { Refusal, spreadRetryMs } from '../http/refusal'

/** log2 of scrypt's N */
const LN = 15
const R = 8
const P = 3
const SALT_BYTES = 16
const HASH_BYTES = 32
const MEMORY_BYTES_MAX = 64 * 1024 * 1024
/** libuv has four threads for these and for files and names: two stay free */
const AT_ONCE = 2
const RETRY_MS = 2000

const FORMAT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)$/

export class Passwords {
  private running = 0
  private readonly waiting: (() => void)[] = []
  /** what the secrets of users who do not exist are compared with */
  private readonly nobody = written(LN, R, P, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES))

  /** `hashes_max`: in progress and waiting together */
  constructor(private readonly hashes_max: number) {}

  async hash(secret: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES)
    return written(LN, R, P, salt, await this.derive(secret, salt, LN, R, P))
  }

  /** `password`: undefined for a user who does not exist, which takes as long and is never right. */
  async verify(secret: string, password: string | undefined): Promise<boolean> {
    const match = FORMAT.exec(password ?? this.nobody)
    if (match === null) throw new Error('a password in the ledger is not in the format of sessions/password.ts')
    const [, ln, r, p, salt, hash] = match as unknown as [string, string, string, string, string, string]
    const wanted = Buffer.from(hash, 'base64url')
    const got = await this.derive(secret, Buffer.from(salt, 'base64url'), Number(ln), Number(r), Number(p))
    return timingSafeEqual(got, wanted) && password !== undefined
  }

  private async derive(secret: string, salt: Buffer, ln: number, r: number, p: number): Promise<Buffer> {
    if (this.running + this.waiting.length >= this.hashes_max) {
      throw new Refusal(
        'busy',
        `RUSHGATE_LOGIN_HASHES_MAX: ${this.hashes_max} logins are being checked; try again soon`,
        {
          retry_after_ms: spreadRetryMs(RETRY_MS),
        },
      )
    }
    if (this.running < AT_ONCE) this.running++
    // who ends hands the place on, so that nobody overtakes
    else await new Promise<void>((resolve) => this.waiting.push(resolve))
    try {
      return await scryptOf(secret, salt, { N: 2 ** ln, r, p, maxmem: MEMORY_BYTES_MAX })
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.running--
      else next()
    }
  }
}

/** The secret as NFKC: what looks the same on two keyboards is the same. */
function scryptOf(secret: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize('NFKC'), salt, HASH_BYTES, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    )
  })
}

function written(ln: number, r: number, p: number, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`
}
