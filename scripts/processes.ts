// Child processes that never outlive us.
//
// Each runs in a process group of its own (a Ctrl-C reaches us first, so that they are ended in order), logs into a
// file, and counts as started when its `ready` check passes. Whatever way this process ends, they end too: in
// order on stop(), by SIGTERM then SIGKILL on a signal, by SIGKILL at exit, and by the kernel's parent-death
// signal when we are killed ourselves.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const READY_TIMEOUT_MS = 60_000
const READY_POLL_MS = 25
const STOP_TIMEOUT_MS = 10_000
const LOG_TAIL_LINES = 20
/** A log above this is put aside at the next start, in place of the one put aside before. */
const LOG_BYTES_MAX = 16 * 1024 * 1024
const ENDING_SIGNALS: NodeJS.Signals[] = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGSEGV']

interface ProcessPlan {
  name: string
  command: string
  args: string[]
  env?: Record<string, string | undefined>
  cwd?: string
  /** the user to run as; only root may ask for another. `reads_all`: it may read what only root could */
  user?: { uid: number; gid: number; reads_all?: boolean }
  /** true: once it is ready, it goes on when this process ends, and is ended by its pid */
  outlives_us?: boolean
  /** both output streams are appended to it */
  log_file: string
  /** more logs whose tail belongs into an error message */
  more_logs?: string[]
  /** resolves to true when the process serves; false or a rejection means not yet */
  ready: () => Promise<boolean>
  ready_timeout_ms?: number
  stop_signal?: NodeJS.Signals
}

export interface ExitState {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Called when a process ends that nobody asked to end. */
export type DeathListener = (name: string, exit: ExitState, log_tail: string) => void

export class ManagedProcess {
  private child: ChildProcess | undefined
  private exited: Promise<ExitState> = Promise.resolve({ code: null, signal: null })
  private running = false
  private expected_to_end = false

  constructor(
    readonly plan: ProcessPlan,
    private readonly on_death?: DeathListener,
  ) {}

  get name(): string {
    return this.plan.name
  }

  get is_running(): boolean {
    return this.running
  }

  /** 0 when it does not run. */
  get pid(): number {
    return this.running ? (this.child?.pid ?? 0) : 0
  }

  /** Starts it, or starts it again after an end, and resolves when it is ready. */
  async start(): Promise<void> {
    if (this.running && !this.expected_to_end) throw new Error(`${this.name} runs already (pid ${this.pid})`)
    await this.exited
    this.spawn()
    await this.awaitReady()
    if (!this.plan.outlives_us) return
    unguard(this)
    this.child?.unref()
  }

  private spawn(): void {
    const { command, args, cwd, env, user, log_file } = this.plan
    for (const file of [log_file, ...(this.plan.more_logs ?? [])]) putAsideWhenLarge(file)
    const log = openSync(log_file, 'a')
    this.expected_to_end = false
    const wrapped = wrap(command, args, user, this.plan.outlives_us ?? false)
    const child = spawn(wrapped.command, wrapped.args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    this.child = child
    this.running = true
    guard(this)
    this.exited = new Promise((resolve) => {
      const ended = (exit: ExitState) => {
        if (!this.running) return
        this.running = false
        unguard(this)
        resolve(exit)
        if (!this.expected_to_end) this.on_death?.(this.name, exit, this.logTail())
      }
      child.once('exit', (code, signal) => ended({ code, signal }))
      child.once('error', () => ended({ code: 127, signal: null }))
    })
  }

  private async awaitReady(): Promise<void> {
    const timeout_ms = this.plan.ready_timeout_ms ?? READY_TIMEOUT_MS
    const deadline = Date.now() + timeout_ms
    for (;;) {
      if (!this.running) {
        const exit = await this.exited
        throw new Error(`${this.name} ended before it was ready (${describeExit(exit)})\n${this.logTail()}`)
      }
      if (await this.plan.ready().catch(() => false)) return
      if (Date.now() > deadline) {
        const tail = this.logTail()
        await this.stop()
        throw new Error(`${this.name} was not ready within ${timeout_ms / 1000} s\n${tail}`)
      }
      await sleep(READY_POLL_MS)
    }
  }

  /** SIGKILL takes the whole process group, as a killed container would; other signals go to the process itself. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (!this.running || this.child?.pid === undefined) return
    if (ENDING_SIGNALS.includes(signal)) this.expected_to_end = true
    sendSignal(signal === 'SIGKILL' ? -this.child.pid : this.child.pid, signal)
  }

  wait(): Promise<ExitState> {
    return this.exited
  }

  /** Ends it in order; after `timeout_ms` by force. */
  async stop(timeout_ms = STOP_TIMEOUT_MS): Promise<void> {
    if (!this.running || this.child?.pid === undefined) return
    const group = -this.child.pid
    this.kill(this.plan.stop_signal ?? 'SIGTERM')
    sendSignal(this.child.pid, 'SIGCONT') // a stopped process takes no SIGTERM
    const ended = await Promise.race([this.exited.then(() => true), sleep(timeout_ms, false, { ref: false })])
    if (!ended) this.kill('SIGKILL')
    await this.exited
    sendSignal(group, 'SIGKILL') // children that outlived it
  }

  /** On the same ports with the same data, whether it runs or was killed. */
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  logTail(): string {
    return [this.plan.log_file, ...(this.plan.more_logs ?? [])]
      .map((file) => `--- ${file}\n${fileTail(file)}`)
      .join('\n')
  }
}

export function describeExit(exit: ExitState): string {
  if (exit.signal !== null) return `killed by ${exit.signal}`
  return exit.code === 127 ? 'the command could not be run' : `exit code ${exit.code}`
}

function fileTail(file: string, lines = LOG_TAIL_LINES): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return '(no log)'
  }
}

function putAsideWhenLarge(log_file: string): void {
  const size = statSync(log_file, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_BYTES_MAX) renameSync(log_file, `${log_file}.1`)
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** For setpriv: read and enter everything; the bit makes access(2), which Java asks first, say the same. */
export const READS_ALL = [
  ...['--inh-caps=-all,+dac_read_search', '--ambient-caps=+dac_read_search'],
  '--securebits=+no_setuid_fixup',
]

let has_setpriv: boolean | undefined

// setpriv (util-linux) asks the kernel for SIGTERM when we die, and becomes the command: the pid stays the same.
function wrap(command: string, args: string[], user: ProcessPlan['user'], outlives_us: boolean) {
  has_setpriv ??= spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true']).status === 0
  if (!has_setpriv || (user === undefined && outlives_us)) {
    if (user === undefined) return { command, args }
    throw new Error(`setpriv (package util-linux) is needed to run ${command} as another user than root`)
  }
  const as_user = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
  const reading = user?.reads_all ? READS_ALL : []
  const with_us = outlives_us ? [] : ['--pdeathsig', 'TERM']
  return { command: 'setpriv', args: [...as_user, ...reading, ...with_us, '--', command, ...args] }
}

const guarded = new Set<ManagedProcess>()
let guards_installed = false

function guard(managed: ManagedProcess): void {
  guarded.add(managed)
  if (guards_installed) return
  guards_installed = true
  process.on('exit', () => {
    for (const child of guarded) child.kill('SIGKILL')
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => endOnSignal(signal))
}

function unguard(managed: ManagedProcess): void {
  guarded.delete(managed)
}

/** Newest first: the gate before the backend before Redis. */
async function stopAll(): Promise<void> {
  for (const child of [...guarded].reverse()) await child.stop()
}

async function endOnSignal(signal: NodeJS.Signals): Promise<void> {
  // a program with a handler of its own (npm start) stops its stack itself
  if (process.listenerCount(signal) > 0) return
  await stopAll()
  process.kill(process.pid, signal)
}
