// The front page: every sale, what it is doing now, and the way to it.
import { fetchSales } from './api'
import { artElement } from './art-view'
import { spokenDuration } from './countdown'
import { cloneTemplate, find, part, setAttribute, setChildren, setShown, setText } from './dom'
import { PHASE_WORDS } from './messages'
import { phaseNow } from './offer'
import { backoff } from './schedule'
import { windowText } from './time-text'
import type { ListedSale } from './wire'

const POLL_MS = 20_000
const TICK_MS = 1000

const cards = new Map<string, HTMLElement>()
let sales: ListedSale[] | undefined
let ahead_ms = 0
let failures = 0

const ORDER: Record<ListedSale['phase'], number> = {
  open: 0,
  all_held: 0,
  rebuilding: 0,
  paused: 0,
  upcoming: 1,
  sold_out: 2,
  ended: 3,
}

function cardOf(id: string): HTMLElement {
  let card = cards.get(id)
  if (card === undefined) {
    card = cloneTemplate('sale-template')
    find<HTMLAnchorElement>(card, 'a').href = `/sales/${encodeURIComponent(id)}`
    part(card, 'art').append(artElement(id))
    cards.set(id, card)
  }
  return card
}

function render(): void {
  setShown(find(document, '#trouble'), failures > 1)
  if (sales === undefined) return
  const now_ms = Date.now() - ahead_ms
  const listed = sales.toSorted((one, other) => ORDER[one.phase] - ORDER[other.phase] || one.opens_ms - other.opens_ms)
  const roots = listed.map((sale) => {
    const card = cardOf(sale.id)
    const phase = phaseNow(sale.phase, sale.opens_ms - now_ms, sale.closes_ms - now_ms)
    setText(part(card, 'title'), sale.title)
    setText(part(card, 'phase'), PHASE_WORDS[phase].short)
    setAttribute(part(card, 'phase'), 'data-phase', phase)
    setText(part(card, 'window'), windowText(sale.opens_ms, sale.closes_ms))
    setText(part(card, 'when'), phase === 'upcoming' ? `in ${spokenDuration(sale.opens_ms - now_ms)}` : '')
    return card
  })
  setChildren(find(document, '#sales'), roots)
  setShown(find(document, '#no-sales'), roots.length === 0)
  document.body.dataset.ready = 'yes'
}

async function poll(): Promise<void> {
  const answer = await fetchSales()
  if (answer.kind === 'ok') {
    failures = 0
    sales = answer.value.value
    // to the second: enough for a list; the sale's own page counts exactly
    if (!Number.isNaN(answer.value.date_ms)) ahead_ms = Date.now() - answer.value.date_ms
  } else failures += 1
  render()
  const delay_ms = failures > 0 ? backoff(failures, Math.random()) : POLL_MS * (0.75 + Math.random() / 2)
  setTimeout(() => void poll(), delay_ms)
}

void poll()
setInterval(render, TICK_MS)
