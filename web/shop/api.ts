// The gate over HTTP, same origin. Never throws: every outcome is an Answer, and no answer in time is `lost`.

import { newKey } from './new-key'
import type { Answer } from './purchase'
import { keepSigningKey, signatureFor } from './signer'
import {
  type ListedSale,
  type ReservationNews,
  readChallenge,
  readRedirect,
  readRefusal,
  readReservation,
  readReservations,
  readSaleState,
  readSales,
  readStand,
  readTaken,
  type SaleState,
  type Stand,
  type WireChallenge,
} from './wire'

/** Longer than the gate lets a request wait, so that giving up here is rare. */
const TIMEOUT_MS = 10_000

/** Until accounts come, every demo shopper has this secret; the gate refuses it outside of demos. */
const DEMO_SECRET = 'demo'

interface Timed<Value> {
  value: Value
  /** monotonic */
  sent_ms: number
  received_ms: number
  /** the answer's Date header, to the second; NaN when absent */
  date_ms: number
}

async function ask<Value>(
  method: string,
  path: string,
  read: (body: unknown) => Value | undefined,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<Timed<Value>>> {
  const sent_ms = performance.now()
  try {
    const response = await fetch(path, {
      method,
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        accept: 'application/json, application/problem+json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const received_ms = performance.now()
    const text = await response.text()
    const json = parseJson(text)
    if (!response.ok) {
      return { kind: 'refused', refusal: readRefusal(response.status, json, response.headers.get('retry-after')) }
    }
    const value = read(json)
    if (value === undefined) return { kind: 'lost' }
    const date_ms = Date.parse(response.headers.get('date') ?? '')
    return { kind: 'ok', value: { value, sent_ms, received_ms, date_ms } }
  } catch {
    return { kind: 'lost' }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function untimed<Value>(answer: Answer<Timed<Value>>): Answer<Value> {
  return answer.kind === 'ok' ? { kind: 'ok', value: answer.value.value } : answer
}

const part = encodeURIComponent
const anything = (): true => true
/** '' where the gate gives none: the login is good all the same */
const readSigningKey = (body: unknown): string => {
  const key = (body as { signing_key?: unknown } | undefined)?.signing_key
  return typeof key === 'string' ? key : ''
}

export function fetchSales(): Promise<Answer<Timed<ListedSale[]>>> {
  return ask('GET', '/sales', readSales)
}

export function fetchState(sale: string): Promise<Answer<Timed<SaleState>>> {
  return ask('GET', `/sales/${part(sale)}/state`, readSaleState)
}

export async function fetchChallenge(sale: string): Promise<Answer<WireChallenge>> {
  return untimed(await ask('GET', `/sales/${part(sale)}/challenge`, readChallenge))
}

export async function takeTicket(sale: string): Promise<Answer<Stand & { ticket: string }>> {
  return untimed(await ask('POST', `/sales/${part(sale)}/tickets`, readTaken))
}

export async function fetchStand(sale: string, ticket: string): Promise<Answer<Stand>> {
  return untimed(await ask('GET', `/sales/${part(sale)}/tickets/${part(ticket)}`, readStand))
}

/** `referral_note`: what stands in a field that no person sees; '' for people. */
export async function signIn(user: string, referral_note: string): Promise<Answer<true>> {
  const body = { user, secret: DEMO_SECRET, ...(referral_note === '' ? {} : { referral_note }) }
  // with a key a login may be asked again on the way, where a gate closes its connection
  const headers = { 'idempotency-key': newKey() }
  const answer = untimed(await ask('POST', '/sessions', readSigningKey, body, headers))
  if (answer.kind !== 'ok') return answer
  await keepSigningKey(user, answer.value)
  return { kind: 'ok', value: true }
}

export async function signOut(): Promise<Answer<true>> {
  return untimed(await ask('DELETE', '/sessions', anything))
}

export async function fetchOwn(sale: string): Promise<Answer<ReservationNews[]>> {
  return untimed(await ask('GET', `/sales/${part(sale)}/reservations`, readReservations))
}

export async function fetchReservation(reservation: string): Promise<Answer<ReservationNews>> {
  return untimed(await ask('GET', `/reservations/${part(reservation)}`, readReservation))
}

export async function reserve(
  sale: string,
  sku: string,
  quantity: number,
  key: string,
  retry: boolean,
  proof: string | undefined,
  pass: string | undefined,
): Promise<Answer<ReservationNews>> {
  const headers: Record<string, string> = { 'idempotency-key': key }
  if (retry) headers['x-rush-retry'] = '1'
  if (proof !== undefined) headers['x-rush-proof'] = proof
  if (pass !== undefined) headers['x-rush-pass'] = pass
  const path = `/sales/${part(sale)}/reservations`
  const body = { sku, quantity }
  Object.assign(headers, await signatureFor({ method: 'POST', path, key, body: JSON.stringify(body) }))
  return untimed(await ask('POST', path, readReservation, body, headers))
}

export async function startPayment(reservation: string): Promise<Answer<string>> {
  const read = (body: unknown) => readRedirect(body, location.origin)
  return untimed(await ask('POST', `/reservations/${part(reservation)}/payment`, read))
}

export async function giveBack(reservation: string): Promise<Answer<ReservationNews>> {
  return untimed(await ask('DELETE', `/reservations/${part(reservation)}`, readReservation))
}
