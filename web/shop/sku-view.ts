// One SKU: what it is, what it costs, what is left, how many, and the button.
import { artElement } from './art-view'
import { cloneTemplate, isEnabled, part, setAttribute, setEnabled, setShown, setText } from './dom'
import { leftWords } from './messages'
import { priceText, timesPrice } from './money'
import type { Offer } from './offer'
import type { SkuState } from './wire'

export class SkuView {
  readonly root = cloneTemplate('sku-template')
  readonly button = part(this.root, 'button')
  /** as the shopper chose it; what is shown may be less */
  private wanted = 1
  private shown_max = 1

  constructor(sku: string, reserve: () => void, changed: () => void) {
    const heading = part(this.root, 'title')
    heading.id = `sku-${sku}`
    this.root.setAttribute('aria-labelledby', heading.id)
    this.root.dataset.sku = sku
    const note = part(this.root, 'note')
    note.id = `note-${sku}`
    this.button.setAttribute('aria-describedby', note.id)
    part(this.root, 'art').append(artElement(sku))
    this.button.addEventListener('click', () => {
      if (isEnabled(this.button)) reserve()
    })
    const step = (by: number) => () => {
      this.wanted = Math.min(this.shown_max, Math.max(1, this.quantity + by))
      changed()
    }
    part(this.root, 'fewer').addEventListener('click', step(-1))
    part(this.root, 'more').addEventListener('click', step(1))
  }

  get quantity(): number {
    return Math.min(this.wanted, this.shown_max)
  }

  /** `locked`: the quantity of a purchase that is under way. */
  update(sku: SkuState, offer: Offer, locked: number | undefined): void {
    this.shown_max = offer.quantity_max
    const quantity = locked ?? this.quantity
    setText(part(this.root, 'title'), sku.title)
    setText(part(this.root, 'price'), priceText(sku.price))
    const left = part(this.root, 'left')
    setText(left, leftWords(sku.left))
    setAttribute(left, 'data-left', leftKind(sku))
    setText(part(this.root, 'limit'), limitText(sku))

    setShown(part(this.root, 'stepper'), offer.quantity_max > 1 || quantity > 1)
    setText(part(this.root, 'quantity'), String(quantity))
    setEnabled(part(this.root, 'fewer'), locked === undefined && quantity > 1)
    setEnabled(part(this.root, 'more'), locked === undefined && quantity < offer.quantity_max)
    setText(part(this.root, 'sum'), quantity > 1 ? `${priceText(timesPrice(sku.price, quantity))} together` : '')

    setText(this.button, offer.button)
    setEnabled(this.button, offer.enabled)
    const note = part(this.root, 'note')
    setAttribute(note, 'data-tone', offer.note?.tone)
    setText(part(note, 'note-title'), offer.note?.title ?? '')
    setText(part(note, 'note-text'), offer.note?.text ?? '')
    const receipt = offer.note?.receipt ?? ''
    setText(part(note, 'receipt'), receipt === '' ? '' : `Reference: ${receipt}`)
  }
}

function leftKind(sku: SkuState): string {
  if (sku.left === null) return 'many'
  if (typeof sku.left === 'string') return sku.left
  if (sku.left === 0) return 'none'
  return sku.left <= 10 ? 'few' : 'many'
}

function limitText(sku: SkuState): string {
  if (sku.user_max === undefined) return ''
  return sku.user_max === 1 ? 'One for each buyer' : `Up to ${sku.user_max} for each buyer`
}
