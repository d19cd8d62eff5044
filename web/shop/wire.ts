// What the gate says, read with care: a page of an older version must survive an answer of a newer one.
// Readers return undefined for what cannot be used; unknown fields are passed over.
import { PROOF_ALGORITHM, PROOF_NUMBER_MAX } from '../../contract/challenge'
import { REFUSALS, type RefusalCode, type ReservationStatus, type SalePhase } from '../../contract/codes'
import type { Price } from '../../contract/followed-sale'
import type { Refusal } from './purchase'

/** exact, a band, or null: no end to it, or not known yet */
export type Left = number | 'many' | 'few' | 'none' | null

export interface SkuState {
  sku: string
  title: string
  price: Price
  left: Left
  /** units one buyer may have; undefined where the gate does not say */
  user_max: number | undefined
}

export interface SaleState {
  sale: string
  title: string
  phase: SalePhase
  now_ms: number
  opens_ms: number
  closes_ms: number
  skus: SkuState[]
  /** what a purchase must carry: signature, proof, pass */
  asks: string[]
  /** its waiting room: whether early comers are drawn by lot, and how many wait where it is known */
  draws: boolean
  /** whether places are to be had */
  room_open: boolean
  ahead: number | undefined
  /** there only while the server asks for rarer looks */
  poll_after_ms: number | undefined
}

export type Chance = 'good' | 'fair' | 'slim' | 'waiting_for_returns' | 'none'

/** How it stands with a ticket of the waiting room. */
export interface Stand {
  status: 'waiting' | 'admitted' | 'sold_out' | 'expired'
  /** 1: next */
  place?: number
  eta_s?: number
  chance?: Chance
  poll_after_ms: number
  pass?: string
  /** before anybody has a place: in the draw, or it is being made */
  draw?: 'entered' | 'drawing'
  entrants?: number
  /** the shopper's own mark in the published list of the draw */
  entrant?: string
  /** to be used from now on */
  ticket?: string
}

/** What of a challenge the page uses, and hands back. */
export interface WireChallenge {
  algorithm: string
  challenge: string
  maxnumber: number
  salt: string
  signature: string
}

export interface ListedSale {
  id: string
  title: string
  phase: SalePhase
  opens_ms: number
  closes_ms: number
}

/** What an answer says of a reservation: only `reservation` is always there. */
export interface ReservationNews {
  reservation: string
  status?: ReservationStatus
  sku?: string
  quantity?: number
  order?: string
  pay_by_ms?: number
  poll_after_ms?: number
}

type Fields = Record<string, unknown>

const PHASES: readonly string[] = ['upcoming', 'open', 'all_held', 'sold_out', 'paused', 'rebuilding', 'ended']
const STATUSES: readonly string[] = ['held', 'confirmed', 'paid', 'expired', 'cancelled', 'void', 'refunded']
const BANDS: readonly unknown[] = ['many', 'few', 'none', null]

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

function timeOf(value: unknown): number | undefined {
  const time_ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time_ms) ? undefined : time_ms
}

function listOf<Item>(value: unknown, read: (item: Fields) => Item | undefined): Item[] {
  if (!Array.isArray(value)) return []
  const items: Item[] = []
  for (const entry of value) {
    const fields = fieldsOf(entry)
    const item = fields && read(fields)
    if (item !== undefined) items.push(item)
  }
  return items
}

function readSku(fields: Fields): SkuState | undefined {
  const sku = textOf(fields['sku'])
  const price = fieldsOf(fields['price'])
  const amount_minor = countOf(price?.['amount_minor'])
  const currency = textOf(price?.['currency'])
  const left = BANDS.includes(fields['left']) ? (fields['left'] as Left) : countOf(fields['left'])
  if (sku === undefined || amount_minor === undefined || currency === undefined || left === undefined) return undefined
  return {
    sku,
    title: textOf(fields['title']) ?? sku,
    price: { amount_minor, currency },
    left,
    user_max: countOf(fields['user_max']),
  }
}

export function readSaleState(value: unknown): SaleState | undefined {
  const fields = fieldsOf(value)
  const sale = textOf(fields?.['sale'])
  const phase = textOf(fields?.['phase'])
  const now_ms = timeOf(fields?.['now'])
  const opens_ms = timeOf(fields?.['opens_at'])
  const closes_ms = timeOf(fields?.['closes_at'])
  if (sale === undefined || phase === undefined || !PHASES.includes(phase)) return undefined
  if (now_ms === undefined || opens_ms === undefined || closes_ms === undefined) return undefined
  return {
    sale,
    title: textOf(fields?.['title']) ?? sale,
    phase: phase as SalePhase,
    now_ms,
    opens_ms,
    closes_ms,
    skus: listOf(fields?.['skus'], readSku),
    poll_after_ms: countOf(fields?.['poll_after_ms']),
    draws: fieldsOf(fields?.['queue'])?.['draw'] === true,
    room_open: fieldsOf(fields?.['queue'])?.['open'] === true,
    ahead: countOf(fieldsOf(fields?.['queue'])?.['ahead']),
    asks: Array.isArray(fields?.['asks']) ? fields['asks'].filter((one) => typeof one === 'string') : [],
  }
}

export function readSales(value: unknown): ListedSale[] | undefined {
  const fields = fieldsOf(value)
  if (!Array.isArray(fields?.['sales'])) return undefined
  return listOf(fields['sales'], (sale) => {
    const id = textOf(sale['id'])
    const phase = textOf(sale['phase'])
    const opens_ms = timeOf(sale['opens_at'])
    const closes_ms = timeOf(sale['closes_at'])
    if (id === undefined || opens_ms === undefined || closes_ms === undefined) return undefined
    if (phase === undefined || !PHASES.includes(phase)) return undefined
    return { id, title: textOf(sale['title']) ?? id, phase: phase as SalePhase, opens_ms, closes_ms }
  })
}

function readNews(fields: Fields): ReservationNews | undefined {
  const reservation = textOf(fields['reservation'])
  if (reservation === undefined) return undefined
  const status = textOf(fields['status'])
  return {
    reservation,
    status: status !== undefined && STATUSES.includes(status) ? (status as ReservationStatus) : undefined,
    sku: textOf(fields['sku']),
    quantity: countOf(fields['quantity']),
    order: textOf(fields['order']),
    pay_by_ms: timeOf(fields['pay_by']),
    poll_after_ms: countOf(fields['poll_after_ms']),
  }
}

const STANDS: readonly unknown[] = ['waiting', 'admitted', 'sold_out', 'expired']
const CHANCES: readonly unknown[] = ['good', 'fair', 'slim', 'waiting_for_returns', 'none']
const DRAWS: readonly unknown[] = ['entered', 'drawing']

export function readStand(value: unknown): Stand | undefined {
  const fields = fieldsOf(value)
  const poll_after_ms = countOf(fields?.['poll_after_ms'])
  if (fields === undefined || poll_after_ms === undefined || !STANDS.includes(fields['status'])) return undefined
  return {
    status: fields['status'] as Stand['status'],
    place: countOf(fields['place']),
    eta_s: countOf(fields['eta_s']),
    chance: CHANCES.includes(fields['chance']) ? (fields['chance'] as Chance) : undefined,
    poll_after_ms,
    pass: textOf(fields['pass']),
    draw: DRAWS.includes(fields['draw']) ? (fields['draw'] as Stand['draw']) : undefined,
    entrants: countOf(fields['entrants']),
    entrant: textOf(fields['entrant']),
    ticket: textOf(fields['ticket']),
  }
}

/** A ticket just taken: somebody who waits. */
export function readTaken(value: unknown): (Stand & { ticket: string }) | undefined {
  const fields = fieldsOf(value)
  const stand = fields && readStand({ ...fields, status: 'waiting' })
  return stand?.ticket === undefined ? undefined : { ...stand, ticket: stand.ticket }
}

export function readReservation(value: unknown): ReservationNews | undefined {
  const fields = fieldsOf(value)
  return fields && readNews(fields)
}

export function readReservations(value: unknown): ReservationNews[] | undefined {
  const fields = fieldsOf(value)
  return Array.isArray(fields?.['reservations']) ? listOf(fields['reservations'], readNews) : undefined
}

/** Where to send the shopper to pay: https, or anything of this same site (the sandbox). */
export function readRedirect(value: unknown, site: string): string | undefined {
  const redirect = textOf(fieldsOf(value)?.['redirect'])
  if (redirect === undefined || !URL.canParse(redirect, site)) return undefined
  const url = new URL(redirect, site)
  return url.protocol === 'https:' || url.origin === new URL(site).origin ? url.href : undefined
}

export function readChallenge(value: unknown): WireChallenge | undefined {
  const fields = fieldsOf(value)
  const algorithm = textOf(fields?.['algorithm'])
  const challenge = textOf(fields?.['challenge'])
  const maxnumber = countOf(fields?.['maxnumber'])
  const salt = textOf(fields?.['salt'])
  const signature = textOf(fields?.['signature'])
  if (algorithm !== PROOF_ALGORITHM || challenge === undefined || !/^[0-9a-f]{64}$/.test(challenge)) return undefined
  if (maxnumber === undefined || maxnumber > PROOF_NUMBER_MAX || salt === undefined || signature === undefined) {
    return undefined
  }
  return { algorithm, challenge, maxnumber, salt, signature }
}

/** The salt of a proof in base64 or base64url; undefined for what is none. */
export function readProof(text: string): { salt: string } | undefined {
  try {
    const salt = textOf(fieldsOf(JSON.parse(atob(text.replace(/-/g, '+').replace(/_/g, '/'))))?.['salt'])
    return salt === undefined ? undefined : { salt }
  } catch {
    return undefined
  }
}

const CODE_BY_STATUS: Record<number, RefusalCode> = {
  400: 'bad_request',
  401: 'no_session',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'too_large',
  414: 'too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  431: 'too_large',
  503: 'unavailable',
}

/** A refusal from its problem document, or from the status alone where something in between has answered. */
export function readRefusal(status: number, value: unknown, retry_after: string | null): Refusal {
  const fields = fieldsOf(value)
  const said = textOf(fields?.['code'])
  const known = said !== undefined && Object.hasOwn(REFUSALS, said) ? (said as RefusalCode) : undefined
  const seconds = retry_after === null || retry_after === '' ? Number.NaN : Number(retry_after)
  return {
    code: known ?? CODE_BY_STATUS[status] ?? (status >= 500 ? 'internal' : 'refused'),
    detail: textOf(fields?.['detail']) ?? '',
    receipt: textOf(fields?.['receipt']) ?? '',
    retry_after_ms: countOf(fields?.['retry_after_ms']) ?? (seconds >= 0 ? seconds * 1000 : undefined),
  }
}
