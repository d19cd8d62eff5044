// `npm start` as a process of a spec: what it says, and that it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ROOT } from '../stack'

export const READY = 'Ctrl-C stops everything'
// a first start builds, initialises a database and, with --full, starts two engines; on a busy machine that takes its time
const READY_TIMEOUT_MS = 240_000

const started: Started[] = []

/** For afterEach. */
export async function endAll(): Promise<void> {
  for (const run of started.splice(0)) await run.end()
}

export class Started {
  output = ''
  readonly exited: Promise<number | null>

  constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data.toString()
      })
    }
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
  }

  async said(words: string): Promise<void> {
    const heard = expect.poll(() => this.output, { timeout: READY_TIMEOUT_MS, interval: 100 }).toContain(words)
    const ended = this.exited.then((code) => {
      if (!this.output.includes(words))
        throw new Error(`npm start ended with ${code} before it said "${words}":\n${this.output}`)
    })
    await Promise.race([heard, ended])
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null) this.signal('SIGINT')
    await this.exited
  }
}

export function start(...options: string[]): Started {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/start.mjs'), ...options], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const run = new Started(child)
  started.push(run)
  return run
}

/** Processes whose command line names the folder. */
export function leftIn(folder: string): string[] {
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      if (command.includes(folder)) found.push(`${pid} ${command}`)
    } catch {
      // it has ended meanwhile
    }
  }
  return found
}
