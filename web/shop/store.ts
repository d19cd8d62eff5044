// What the page remembers on this device. Where storage is denied it remembers until the page is closed.
//
// Attempts are kept by user, sale and SKU: another user on the same device never finishes somebody else's purchase.
import type { ReservationStatus } from '../../contract/codes'
import type { Attempt } from './purchase'

/** A reservation that is not settled yet: the server's list may not have it. */
export interface Remembered {
  reservation: string
  status: ReservationStatus
  sku: string
  quantity: number
}

export interface Box {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

/** The device's storage, where it is not denied. */
export function deviceBox(): Box | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}

const PREFIX = 'rush1:'
/** An unanswered request older than this is not repeated by itself: what it reserved is in the list anyway. */
export const ATTEMPT_AGE_MAX_MS = 600_000
/** Reservations remembered for a user and a sale. */
const REMEMBERED_MAX = 20

export class Store {
  private readonly fallback = new Map<string, string>()

  constructor(private readonly box: Box | undefined) {}

  private read(name: string): string | undefined {
    try {
      return this.box?.getItem(PREFIX + name) ?? this.fallback.get(name)
    } catch {
      return this.fallback.get(name)
    }
  }

  private write(name: string, value: string | undefined): void {
    if (value === undefined) this.fallback.delete(name)
    else this.fallback.set(name, value)
    try {
      if (value === undefined) this.box?.removeItem(PREFIX + name)
      else this.box?.setItem(PREFIX + name, value)
    } catch {
      // full or denied: the copy above serves until the page is closed
    }
  }

  user(): string | undefined {
    return this.read('user')
  }

  keepUser(user: string | undefined): void {
    this.write('user', user)
  }

  attempt(user: string, sale: string, sku: string, wall_ms: number): Attempt | undefined {
    const name = `attempt:${sale}:${sku}:${user}`
    const attempt = parsed<Attempt>(this.read(name), isAttempt)
    const age_ms = attempt === undefined ? 0 : wall_ms - attempt.made_ms
    if (age_ms >= 0 && age_ms <= ATTEMPT_AGE_MAX_MS) return attempt
    this.write(name, undefined)
    return undefined
  }

  keepAttempt(user: string, sale: string, sku: string, attempt: Attempt | undefined): void {
    this.write(`attempt:${sale}:${sku}:${user}`, attempt && JSON.stringify(attempt))
  }

  /** Place in the waiting room. */
  ticket(user: string, sale: string): string | undefined {
    return this.read(`ticket:${sale}:${user}`)
  }

  keepTicket(user: string, sale: string, ticket: string | undefined): void {
    this.write(`ticket:${sale}:${user}`, ticket)
  }

  own(user: string, sale: string): Remembered[] {
    return parsed<Remembered[]>(this.read(`own:${sale}:${user}`), isRememberedList) ?? []
  }

  keepOwn(user: string, sale: string, own: readonly Remembered[]): void {
    this.write(`own:${sale}:${user}`, own.length === 0 ? undefined : JSON.stringify(own.slice(0, REMEMBERED_MAX)))
  }
}

function parsed<Value>(text: string | undefined, is: (value: unknown) => value is Value): Value | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return is(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isAttempt(value: unknown): value is Attempt {
  const attempt = value as Partial<Attempt> | null
  return typeof attempt?.key === 'string' && typeof attempt.quantity === 'number' && typeof attempt.made_ms === 'number'
}

function isRememberedList(value: unknown): value is Remembered[] {
  return Array.isArray(value) && value.every((one) => typeof one?.reservation === 'string')
}
