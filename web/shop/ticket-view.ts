// One of the shopper's own reservations, drawn as a ticket: where it stands, what to do, and how long there is.
import type { ReservationStatus } from '../../contract/codes'
import type { Own } from './cart'
import { clockText } from './countdown'
import { cloneTemplate, isEnabled, part, setAttribute, setEnabled, setShown, setText } from './dom'
import { REFUSAL_WORDS, STATUS_WORDS } from './messages'
import { priceText, timesPrice } from './money'
import type { Errand } from './own-follower'
import type { SkuState } from './wire'

const STEPS: readonly ReservationStatus[] = ['held', 'confirmed', 'paid']
/** From here on the time left to pay is shown as pressing. */
const PRESSING_MS = 120_000

interface TicketActions {
  pay(): void
  giveBack(): void
}

export class TicketView {
  readonly root = cloneTemplate('ticket-template')
  readonly heading = part(this.root, 'title')
  private readonly confirm = part(this.root, 'confirm')

  constructor(reservation: string, actions: TicketActions) {
    this.root.dataset.reservation = reservation
    const pay = part(this.root, 'pay')
    pay.addEventListener('click', () => {
      if (isEnabled(pay)) actions.pay()
    })
    part(this.root, 'give-back').addEventListener('click', () => this.ask(true))
    part(this.root, 'keep').addEventListener('click', () => this.ask(false))
    part(this.root, 'really').addEventListener('click', () => {
      this.ask(false)
      // the buttons go away with the reservation: the focus stays on the ticket
      this.heading.focus()
      actions.giveBack()
    })
    setText(part(this.root, 'reservation'), reservation)
  }

  private ask(open: boolean): void {
    setShown(this.confirm, open)
    setShown(part(this.root, 'give-back'), !open)
    part(this.root, open ? 'really' : 'give-back').focus()
  }

  update(own: Own, sku: SkuState | undefined, errand: Errand | undefined, now_ms: number): void {
    const { status } = own
    const words = STATUS_WORDS[status]
    setAttribute(this.root, 'data-status', status)
    setText(part(this.root, 'status'), words.short)
    setText(this.heading, titleOf(own, sku))
    setText(part(this.root, 'text'), words.long)
    const total = sku === undefined || own.quantity === 0 ? '' : priceText(timesPrice(sku.price, own.quantity))
    setText(part(this.root, 'price'), total)

    const at = STEPS.indexOf(status)
    const steps = part(this.root, 'steps')
    setShown(steps, at >= 0)
    STEPS.forEach((_, i) => {
      const step = steps.children[i]
      if (step === undefined) return
      setAttribute(step, 'data-done', i < at || status === 'paid' ? 'yes' : undefined)
      setAttribute(step, 'aria-current', i === at ? 'step' : undefined)
    })

    this.updateTime(own, now_ms)
    const busy = errand?.doing !== undefined
    const pay = part(this.root, 'pay')
    setShown(pay, status === 'confirmed')
    setText(pay, errand?.doing === 'pay' ? 'Going to payment …' : total === '' ? 'Pay now' : `Pay ${total}`)
    setEnabled(pay, !busy)
    const can_give_back = status === 'confirmed' || status === 'held'
    const give_back = part(this.root, 'give-back')
    setShown(give_back, can_give_back && this.confirm.hidden === true)
    setText(give_back, errand?.doing === 'give_back' ? 'Giving back …' : 'Give back')
    setEnabled(give_back, !busy)
    if (!can_give_back) setShown(this.confirm, false)
    setShown(part(this.root, 'actions'), can_give_back)

    setText(part(this.root, 'failure'), failureText(errand))
    setShown(part(this.root, 'order-row'), own.order !== '')
    setText(part(this.root, 'order'), own.order)
  }

  private updateTime(own: Own, now_ms: number): void {
    const pay_by_ms = own.status === 'confirmed' ? own.pay_by_ms : undefined
    setShown(part(this.root, 'time'), pay_by_ms !== undefined)
    if (pay_by_ms === undefined) return
    const left_ms = pay_by_ms - now_ms
    setText(part(this.root, 'time-left'), clockText(left_ms))
    setAttribute(part(this.root, 'time'), 'data-pressing', left_ms < PRESSING_MS ? 'yes' : undefined)
  }
}

function titleOf(own: Own, sku: SkuState | undefined): string {
  const title = sku?.title ?? own.sku
  if (title === '') return 'Your reservation'
  return own.quantity > 1 ? `${own.quantity} × ${title}` : title
}

function failureText(errand: Errand | undefined): string {
  if (errand?.failure === undefined) return ''
  if (errand.failure === 'lost') return 'The shop did not answer. Nothing was charged here; please try once more.'
  const words = REFUSAL_WORDS[errand.failure.code]
  return `${words.title}. ${words.text}`
}
