// The head of the sale page: title, phase, window and the countdown.
import type { SalePhase } from '../../contract/codes'
import { countdownParts, markPassed, spokenDuration } from './countdown'
import { part, say, setAttribute, setShown, setText } from './dom'
import { PHASE_WORDS } from './messages'
import { phaseNow } from './offer'
import type { StateFollower } from './state-follower'
import { timeText, timeZoneName, windowText } from './time-text'

/** A countdown to the end is shown when the end is this near; before, the window says enough. */
const CLOSING_SHOWN_MS = 24 * 3_600_000
/** A device's clock that is wrong by less is not worth a word. */
const AHEAD_SHOWN_MS = 1500

/** With a waiting room it is not the quickest who are served first. */
const IN_TURN_TEXT: Partial<Record<SalePhase, string>> = {
  upcoming: 'Take your place below. It counts from the opening on; no need to reload.',
  open: 'People are let in to buy one after another.',
}

export class HeroView {
  private last_until_open_ms = 0
  private last_phase = ''

  constructor(private readonly root: HTMLElement) {}

  update(follower: StateFollower): void {
    const { state } = follower
    if (state === undefined) return
    const until_open_ms = follower.untilOpen()
    const until_close_ms = follower.untilClose()
    const phase = phaseNow(state.phase, until_open_ms, until_close_ms)
    const words = PHASE_WORDS[phase]

    setText(part(this.root, 'title'), state.title)
    setText(part(this.root, 'phase'), words.short)
    setAttribute(part(this.root, 'phase'), 'data-phase', phase)
    const in_turn = state.asks.includes('pass') ? IN_TURN_TEXT[phase] : undefined
    setText(part(this.root, 'phase-text'), in_turn ?? words.long)
    setText(part(this.root, 'window'), windowText(state.opens_ms, state.closes_ms))
    setText(part(this.root, 'zone'), `Your time (${timeZoneName()})`)
    setText(part(this.root, 'clock'), clockSentence(follower))

    const opening = phase === 'upcoming'
    const closing = !opening && phase !== 'ended' && phase !== 'sold_out' && until_close_ms < CLOSING_SHOWN_MS
    setShown(part(this.root, 'timer'), opening || closing)
    setText(part(this.root, 'timer-label'), opening ? 'Opens in' : 'Closes in')
    if (opening || closing) this.showParts(opening ? until_open_ms : until_close_ms)

    this.speak(phase, words.short, until_open_ms)
    this.last_until_open_ms = until_open_ms
    setText(document.head.querySelector('title') ?? this.root, `${words.short} · ${state.title}`)
  }

  private showParts(left_ms: number): void {
    const parts = countdownParts(left_ms)
    for (const name of ['days', 'hours', 'minutes', 'seconds'] as const) {
      setText(part(this.root, name), String(parts[name]).padStart(2, '0'))
    }
    setShown(part(this.root, 'days-box'), parts.days > 0)
  }

  private speak(phase: string, short: string, until_open_ms: number): void {
    const mark = phase === 'upcoming' ? markPassed(this.last_until_open_ms, until_open_ms) : undefined
    if (mark !== undefined) say(`Opens in ${spokenDuration(mark)}.`)
    if (this.last_phase !== '' && this.last_phase !== phase) say(`${short}.`)
    this.last_phase = phase
  }
}

function clockSentence(follower: StateFollower): string {
  const ahead_ms = follower.deviceAhead()
  const now = timeText(follower.now())
  if (Math.abs(ahead_ms) < AHEAD_SHOWN_MS) return `Counted by the shop’s own clock: it is ${now}.`
  const side = ahead_ms > 0 ? 'ahead' : 'behind'
  return `Counted by the shop’s own clock: it is ${now}. This device is ${spokenDuration(Math.abs(ahead_ms))} ${side}; that doesn’t matter here.`
}
