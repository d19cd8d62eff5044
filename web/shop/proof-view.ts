// The line that says how far the check on the shopper's device is, with the way of waiting instead.
import { find, part, say, setShown, setText } from './dom'
import type { ProverStep } from './prover'

/** Done sooner than this, nobody has to be told. */
const SAID_AFTER_MS = 1500

export class ProofView {
  private readonly root = find<HTMLElement>(document, '#proof')
  private step: ProverStep = 'idle'
  private since_ms = 0

  constructor(sale: string) {
    part<HTMLAnchorElement>(this.root, 'proof-wait').href = `/sales/${sale}/challenge?form`
  }

  /** `shown`: the sale asks for a proof, and the shopper is signed in. */
  update(shown: boolean, step: ProverStep, progress: number): void {
    setShown(this.root, shown && step !== 'idle')
    setText(part(this.root, 'proof-text'), textOf(step, progress))
    setShown(part(this.root, 'proof-wait'), step !== 'ready')
    if (step === this.step) return
    const lasted_ms = performance.now() - this.since_ms
    if (shown && (step === 'failed' || (step === 'ready' && lasted_ms > SAID_AFTER_MS))) say(textOf(step, progress))
    this.step = step
    this.since_ms = performance.now()
  }
}

function textOf(step: ProverStep, progress: number): string {
  if (step === 'ready') return 'The check on your device is done.'
  if (step === 'failed') return 'Your device could not do the shop’s check.'
  return `Your device is doing a short check, so that machines can’t take everything: ${Math.floor(progress * 100)} %`
}
