// What the sandbox provider remembers, as files: it stands for somebody else's system, so it must outlive the backend's death.
//
// One file a fact, written whole or not at all; the first outcome of a session wins, whichever process wrote it.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const OUTCOMES = ['success', 'failure', 'late_success', 'replay', 'wrong_amount'] as const
export type SandboxOutcome = (typeof OUTCOMES)[number]

export interface SandboxSession {
  session: string
  amount_minor: number
  currency: string
  reference: string
  return_url: string
}

export interface Decided {
  /** `closed`: by the merchant, before the shopper had chosen */
  outcome: SandboxOutcome | 'closed'
  at_ms: number
}

type Mark = 'released' | 'delivered'

export class SandboxStore {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true })
  }

  async create(session: SandboxSession): Promise<void> {
    if (existsSync(this.path(session.session, 'session'))) return
    await rename(await this.temporary(session), this.path(session.session, 'session'))
  }

  async session(id: string): Promise<SandboxSession | undefined> {
    return this.read<SandboxSession>(this.path(id, 'session'))
  }

  async decided(id: string): Promise<Decided | undefined> {
    return this.read<Decided>(this.path(id, 'outcome'))
  }

  /** Returns what is decided afterwards: this outcome, or the one that came before it. */
  async decide(id: string, outcome: Decided['outcome'], now_ms: number): Promise<Decided> {
    const decided: Decided = { outcome, at_ms: now_ms }
    const temporary = await this.temporary(decided)
    try {
      await link(temporary, this.path(id, 'outcome'))
      return decided
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return (await this.decided(id)) as Decided
    } finally {
      await unlink(temporary)
    }
  }

  async mark(id: string, mark: Mark): Promise<void> {
    await writeFile(this.path(id, mark), '')
  }

  isMarked(id: string, mark: Mark): boolean {
    return existsSync(this.path(id, mark))
  }

  /** Refunds are kept by their id: the same id is the same refund. */
  async refund(id: string, what: Record<string, unknown>): Promise<void> {
    const name = createHash('sha256').update(id).digest('hex')
    await rename(await this.temporary({ id, ...what }), join(this.folder, `${name}.refund`))
  }

  async refunds(): Promise<{ id: string; session: string; amount_minor: number }[]> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.refund'))
    const read = await Promise.all(names.map((name) => this.read<{ id: string }>(join(this.folder, name))))
    return read.filter((each) => each !== undefined) as { id: string; session: string; amount_minor: number }[]
  }

  /** Sessions with an outcome whose webhook is not known to have arrived. */
  async undelivered(): Promise<string[]> {
    const names = new Set(await readdir(this.folder))
    return [...names]
      .filter((name) => name.endsWith('.outcome'))
      .map((name) => name.substring(0, name.length - '.outcome'.length))
      .filter((id) => !names.has(`${id}.delivered`))
  }

  private path(id: string, kind: 'session' | 'outcome' | Mark): string {
    return join(this.folder, `${id}.${kind}`)
  }

  private async temporary(value: unknown): Promise<string> {
    // process ids are alike in containers that share the folder
    const path = join(this.folder, `.${randomUUID()}.new`)
    await writeFile(path, JSON.stringify(value))
    return path
  }

  private async read<T>(path: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as T
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
}
