// Has a proof ready before the shopper presses the button: asks for a challenge, lets the page's other thread solve it, keeps the
// proof until it is spent. Where the sale asks for none it does nothing.
import { parseSalt } from '../../contract/challenge'
import { fetchChallenge } from './api'
import type { Task, WorkerNews } from './proof-worker'
import { readProof, type WireChallenge } from './wire'

/** A proof is not used this close to its end: a purchase may need some tries. */
const MARGIN_MS = 60_000
const FETCHES_MAX = 4
const FETCH_AGAIN_MS = 1500

interface ReadyProof {
  text: string
  /** by the server's clock */
  expires_ms: number
}

interface ScriptPolicy {
  createScriptURL(address: string): string
}

interface ScriptPolicies {
  createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy
}

export type ProverStep = 'idle' | 'working' | 'ready' | 'failed'

/** The policy of the page lets nothing but this one script be started as a thread (trusted-types rush-worker). */
const policies = (globalThis as { trustedTypes?: ScriptPolicies }).trustedTypes
const policy = policies?.createPolicy('rush-worker', {
  createScriptURL(address) {
    if (!address.startsWith('/assets/proof-worker.')) throw new Error('not the thread of this page')
    return address
  },
})

export class Prover {
  step: ProverStep = 'idle'
  /** from 0 to 1, while working */
  progress = 0
  /** the gate has asked this shopper for a proof, though the sale asks nobody for one */
  is_demanded = false
  private ready: ReadyProof | undefined
  private worker: Worker | undefined
  private round = 0
  private asked = false
  private waiting: ((proof: string | undefined) => void)[] = []

  constructor(
    private readonly sale: string,
    private readonly script: string,
    /** the server's time */
    private readonly now: () => number,
    private readonly changed: () => void,
  ) {}

  /** Called often. `asked`: the sale asks for a proof, and somebody is there who may want to buy. */
  update(asked: boolean, soon: boolean): void {
    this.asked = asked
    if (!asked || !soon) return
    if (this.ready !== undefined && this.ready.expires_ms - MARGIN_MS < this.now()) this.forget()
    if (this.step === 'idle') void this.work()
  }

  /** A purchase was refused for want of a proof; false where that is no news. */
  demand(): boolean {
    if (this.asked) return false
    this.is_demanded = true
    this.asked = true
    return true
  }

  /** Another shopper: nothing of the one before counts. */
  reset(): void {
    this.is_demanded = false
    this.forget()
    this.settle(undefined)
  }

  /** A proof that was got by waiting. */
  bring(text: string): void {
    const expires_s = parseSalt(readProof(text)?.salt ?? '')?.expires_s
    if (expires_s === undefined) return
    this.stop()
    this.have({ text, expires_ms: expires_s * 1000 })
  }

  /** The proof, as soon as there is one; undefined where none is asked for, or none can be had. */
  proof(): Promise<string | undefined> {
    if (!this.asked) return Promise.resolve(undefined)
    if (this.ready !== undefined) return Promise.resolve(this.ready.text)
    if (this.step !== 'working') void this.work()
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  /** It is spent, or does not count. */
  drop(text: string | undefined): void {
    if (text !== undefined && this.ready?.text === text) this.forget()
  }

  private forget(): void {
    this.stop()
    this.ready = undefined
    this.step = 'idle'
    this.changed()
  }

  private stop(): void {
    this.round += 1
    this.worker?.terminate()
    this.worker = undefined
  }

  private settle(proof: string | undefined): void {
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve(proof)
  }

  private have(ready: ReadyProof): void {
    this.ready = ready
    this.step = 'ready'
    this.settle(ready.text)
    this.changed()
  }

  private fail(): void {
    this.stop()
    this.step = 'failed'
    this.settle(undefined)
    this.changed()
  }

  private async work(): Promise<void> {
    this.stop()
    this.step = 'working'
    this.progress = 0
    this.changed()
    const { round } = this
    const challenge = await this.fetch(round)
    if (round !== this.round) return
    const expires_s = parseSalt(challenge?.salt ?? '')?.expires_s
    if (challenge === undefined || expires_s === undefined) return this.fail()
    const found = (number: number) => {
      const { algorithm, salt, signature } = challenge
      const proof = { algorithm, challenge: challenge.challenge, number, salt, signature }
      this.stop()
      this.have({ text: btoa(JSON.stringify(proof)), expires_ms: expires_s * 1000 })
    }
    try {
      this.solve(challenge, found)
    } catch {
      this.fail() // no threads in this browser, or none allowed
    }
  }

  private async fetch(round: number): Promise<WireChallenge | undefined> {
    for (let fetches = 1; round === this.round; fetches++) {
      const answer = await fetchChallenge(this.sale)
      if (answer.kind === 'ok') return answer.value
      if (fetches === FETCHES_MAX || (answer.kind === 'refused' && answer.refusal.code === 'no_session')) break
      await new Promise((resolve) => setTimeout(resolve, fetches * FETCH_AGAIN_MS))
    }
    return undefined
  }

  private solve(task: Task, found: (number: number) => void): void {
    const worker = new Worker(policy === undefined ? this.script : policy.createScriptURL(this.script))
    this.worker = worker
    worker.addEventListener('message', ({ data }: MessageEvent<WorkerNews>) => {
      if (worker !== this.worker) return
      if (data.kind === 'progress') {
        this.progress = data.progress
        this.changed()
      } else if (data.kind === 'solved') found(data.number)
      else this.fail()
    })
    worker.addEventListener('error', () => {
      if (worker === this.worker) this.fail()
    })
    worker.postMessage({ challenge: task.challenge, salt: task.salt, maxnumber: task.maxnumber } satisfies Task)
  }
}
