// The sale page: puts the followers, the buyer and the views together. Everything is drawn from what they know, at every change and tick.
import type { RefusalCode } from '../../contract/codes'
import { ID_LENGTH_MAX } from '../../contract/keys'
import { AccountView } from './account-view'
import { Buyer } from './buyer'
import { inOrder, type Own, unitsOf } from './cart'
import { clockText } from './countdown'
import { find, part, prefersCalm, say, setChildren, setShown, setText } from './dom'
import { HeroView } from './hero-view'
import { REFUSAL_WORDS, STATUS_WORDS, type Words } from './messages'
import { offerOf, phaseNow } from './offer'
import { OwnFollower } from './own-follower'
import { ProofView } from './proof-view'
import { Prover } from './prover'
import { roomSight } from './room'
import { RoomFollower } from './room-follower'
import { RoomView } from './room-view'
import { signAs, signByClock } from './signer'
import { SkuView } from './sku-view'
import { StateFollower } from './state-follower'
import { deviceBox, Store } from './store'
import { TicketView } from './ticket-view'
import type { SaleState, SkuState, Stand } from './wire'

const TICK_MS = 200
/** Requests that failed in a row before the page says that the shop cannot be reached. */
const FAILURES_SAID = 2
/** After a purchase the state is asked for again within this. */
const HURRY_MS = 1500
/** Refusals that a new login ends: it brings a session, and the key to sign with. */
const SIGN_IN_AGAIN: readonly RefusalCode[] = ['no_session', 'session_replaced', 'signature_required']
/** Where the page of waiting puts the proof. */
const PROOF_MARK = '#proof='
/** A proof is made no earlier than this before the opening. */
const PROOF_AHEAD_MS = 5 * 60_000

const sale = new RegExp(`^/sales/([a-z0-9_-]{1,${ID_LENGTH_MAX}})$`).exec(location.pathname)?.[1] ?? ''
const store = new Store(deviceBox())
let user = store.user()
let pressed: string | undefined
let prover_user = user
let signed_out: Words | undefined

const hero = new HeroView(find(document, '#hero'))
const sku_views = new Map<string, SkuView>()
const ticket_views = new Map<string, TicketView>()

const follower = new StateFollower(sale, render)
const own = new OwnFollower(sale, store, {
  changed: render,
  moved(one) {
    say(`${nameOf(one)}: ${STATUS_WORDS[one.status].short}. ${STATUS_WORDS[one.status].long}`)
    follower.hurry(HURRY_MS)
  },
  signedOut(refusal, how) {
    setUser(undefined)
    signed_out = REFUSAL_WORDS[refusal.code]
    if (how === 'wanted') account.open(signed_out.text, undefined)
    render()
  },
})
const prover = new Prover(sale, document.body.dataset.proofWorker ?? '', () => follower.now(), render)
const proof_view = new ProofView(sale)
const room = new RoomFollower(sale, store, () => follower.now(), {
  changed: render,
  moved: sayStand,
  signedOut(refusal) {
    setUser(undefined)
    signed_out = REFUSAL_WORDS[refusal.code]
    render()
  },
})
const room_view = new RoomView(sale, joinRoom)
const buyer = new Buyer(sale, store, prover, () => room.pass(), {
  changed: render,
  reserved(news) {
    room.used()
    own.add(news)
    render()
    const view = ticket_views.get(news.reservation)
    // only from the button itself: who has moved on is not called back
    const sku_view = pressed === undefined ? undefined : sku_views.get(pressed)
    if (view && document.activeElement === sku_view?.button) view.heading.focus({ preventScroll: true })
    view?.root.scrollIntoView({ block: 'nearest', behavior: prefersCalm() ? 'auto' : 'smooth' })
  },
  refused(sku, refusal) {
    say(`${REFUSAL_WORDS[refusal.code].title}. ${REFUSAL_WORDS[refusal.code].text}`)
    follower.hurry(HURRY_MS)
    if (refusal.code === 'limit_reached') void own.load(0)
    if (refusal.code === 'pass_required') room.doubt()
    if (SIGN_IN_AGAIN.includes(refusal.code)) {
      setUser(undefined)
      account.open(REFUSAL_WORDS[refusal.code].text, () => reserve(sku))
    }
  },
})
const account = new AccountView({ signedIn: setUser, signedOut: () => setUser(undefined) })

function setUser(next: string | undefined): void {
  user = next
  signed_out = undefined
  signAs(next)
  store.keepUser(next)
  if (next !== prover_user) prover.reset()
  prover_user = next
  buyer.setUser(next)
  own.setUser(next)
  room.setUser(next)
  buyer.resume((follower.state?.skus ?? []).map(({ sku }) => sku))
  render()
}

function skuOf(id: string): SkuState | undefined {
  return follower.state?.skus.find(({ sku }) => sku === id)
}

function nameOf(one: Own): string {
  return skuOf(one.sku)?.title ?? 'Your reservation'
}

function reserve(sku: string): void {
  const view = sku_views.get(sku)
  if (view === undefined) return
  if (user === undefined) {
    const title = skuOf(sku)?.title ?? sku
    account.open(`To reserve ${view.quantity > 1 ? `${view.quantity} × ` : ''}${title} for you.`, () => reserve(sku))
    return
  }
  pressed = sku
  buyer.press(sku, view.quantity)
}

function joinRoom(): void {
  if (user === undefined) account.open('So that your place is kept for you.', joinRoom)
  else void room.join()
}

function sayStand(stand: Stand): void {
  const sight = roomSight(roomMoment())
  say(stand.place === undefined ? `${sight.title}.` : `${sight.title}. ${sight.facts.join(' ')}`)
  if (stand.status === 'admitted') {
    room_view.root.scrollIntoView({ block: 'nearest', behavior: prefersCalm() ? 'auto' : 'smooth' })
  }
}

function roomMoment(): Parameters<typeof roomSight>[0] {
  return {
    room: room.room,
    phase: phaseNow(follower.state?.phase ?? 'upcoming', follower.untilOpen(), follower.untilClose()),
    until_open_ms: follower.untilOpen(),
    draws: follower.state?.draws ?? false,
    is_open: follower.state?.room_open ?? false,
    ahead: follower.state?.ahead,
    signed_in: user !== undefined,
    pass_left_ms: room.passLeft(),
  }
}

function hasRoom(state: SaleState): boolean {
  return state.asks.includes('pass')
}

async function pay(reservation: string): Promise<void> {
  const redirect = await own.pay(reservation)
  if (redirect !== undefined) location.assign(redirect)
}

/** undefined: it is this shopper's turn, or the sale has no waiting room. */
function turnNow(): 'to_join' | 'to_wait' | undefined {
  if (follower.state === undefined || !hasRoom(follower.state) || room.pass() !== undefined) return undefined
  return room.room.step === 'in' || room.room.step === 'joining' ? 'to_wait' : 'to_join'
}

function renderSkus(skus: readonly SkuState[]): void {
  const now_ms = performance.now()
  const roots: HTMLElement[] = []
  for (const sku of skus) {
    let view = sku_views.get(sku.sku)
    if (view === undefined) {
      view = new SkuView(sku.sku, () => reserve(sku.sku), render)
      sku_views.set(sku.sku, view)
    }
    const purchase = buyer.purchase(sku.sku)
    const offer = offerOf(sku, {
      phase: follower.state?.phase ?? 'upcoming',
      until_open_ms: follower.untilOpen(),
      until_close_ms: follower.untilClose(),
      signed_in: user !== undefined,
      turn: turnNow(),
      own_units: unitsOf(own.own, sku.sku),
      quantity: view.quantity,
      purchase,
      now_ms,
    })
    view.update(sku, offer, 'attempt' in purchase ? purchase.attempt.quantity : undefined)
    roots.push(view.root)
  }
  setChildren(find(document, '#skus'), roots)
}

function renderTickets(): void {
  const now_ms = follower.now()
  const roots: HTMLElement[] = []
  for (const one of inOrder(own.own)) {
    const { reservation } = one
    let view = ticket_views.get(reservation)
    if (view === undefined) {
      view = new TicketView(reservation, {
        pay: () => void pay(reservation),
        giveBack: () => void own.giveBack(reservation),
      })
      ticket_views.set(reservation, view)
    }
    view.update(one, skuOf(one.sku), own.errands.get(reservation), now_ms)
    roots.push(view.root)
  }
  setChildren(find(document, '#tickets'), roots)
  setShown(find(document, '#yours'), roots.length > 0)
}

function troubleNow(): Words | undefined {
  if (follower.refused !== undefined && follower.state === undefined) {
    return { title: 'This sale does not exist', text: 'The address may be mistyped, or the sale is gone.' }
  }
  if (follower.failures >= FAILURES_SAID) {
    const wait_ms = follower.next_ms - performance.now()
    const wait = wait_ms > 0 ? `Trying again in ${clockText(wait_ms)}.` : 'Trying now.'
    const title = navigator.onLine ? 'The shop can’t be reached' : 'You are offline'
    return { title, text: `What you hold stays yours. ${wait}` }
  }
  return signed_out
}

function renderTrouble(): void {
  const trouble = find<HTMLElement>(document, '#trouble')
  const words = troubleNow()
  setShown(trouble, words !== undefined)
  // the text counts seconds: only the title is worth saying aloud
  const title = words?.title ?? ''
  if (title !== '' && part(trouble, 'trouble-title').textContent !== title) say(`${title}.`)
  setText(part(trouble, 'trouble-title'), title)
  setText(part(trouble, 'trouble-text'), words?.text ?? '')
}

/** Soon enough before the opening that the proof is still good at it, and not for who has all that a buyer may have. */
function renderProof(state: SaleState): void {
  const asked = (state.asks.includes('proof') || prover.is_demanded) && user !== undefined
  const is_over = state.phase === 'ended' || state.phase === 'sold_out'
  const has_room = state.skus.some((sku) => sku.user_max === undefined || unitsOf(own.own, sku.sku) < sku.user_max)
  prover.update(asked, !is_over && has_room && follower.untilOpen() < PROOF_AHEAD_MS)
  proof_view.update(asked && !is_over && has_room, prover.step, prover.progress)
}

function render(): void {
  account.update(user)
  renderTrouble()
  if (follower.state === undefined) return
  document.body.dataset.ready = 'yes'
  hero.update(follower)
  const has_room = hasRoom(follower.state)
  room_view.update(has_room ? roomSight(roomMoment()) : undefined, follower.state.draws, room.entrant)
  renderTickets()
  renderSkus(follower.state.skus)
  renderProof(follower.state)
}

function tick(): void {
  if (follower.state !== undefined) buyer.resume(follower.state.skus.map(({ sku }) => sku))
  buyer.tick()
  render()
  const until_open_ms = follower.untilOpen()
  // the opening itself is not late by a tick
  setTimeout(tick, until_open_ms > 0 ? Math.min(TICK_MS, until_open_ms) : TICK_MS)
}

function start(): void {
  signByClock(() => follower.now())
  setUser(user)
  const link = new URL(location.href).searchParams.get('reservation')
  if (link !== null) {
    own.look(link)
    history.replaceState(null, '', location.pathname)
  }
  if (location.hash.startsWith(PROOF_MARK)) {
    prover.bring(location.hash.slice(PROOF_MARK.length))
    history.replaceState(null, '', location.pathname)
  }
  follower.start()
  tick()
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return
    follower.hurry(HURRY_MS)
    own.pollAll()
    room.wake()
  })
  addEventListener('online', () => follower.hurry(HURRY_MS))
  addEventListener('pageshow', (event) => {
    if (event.persisted) own.resetErrands()
  })
}

start()
