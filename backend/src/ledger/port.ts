// The ledger: the authority on stock, orders, holds and payments, as a port.
//
// Two implementations, SQL (PGlite or PostgreSQL) and in-memory, agree on random histories
// (backend/test/ledger-agreement.spec.ts). Every method is one transaction and safe to repeat: it either
// finds its effect already there and changes nothing, or says so. Times are ms since 1970, from the ledger's clock.

import type { ReservationStatus } from '../../../contract/codes'
import type { DegradeByHand } from '../../../contract/degradation'
import type { FollowedSale, Price, SaleState } from '../../../contract/followed-sale'
import type { Db } from '../db/db'
import type { AccountRows } from './accounts'
import type { DrawRows } from './draws'
import type { ListRows } from './lists'
import type { PinRows } from './pins'
import type { RoomRows } from './rooms'

export interface UnitGeneration {
  unit: number
  generation: number
}

interface NewSku {
  sku: string
  title: string
  price: Price
  /** −1: unlimited */
  total: number
  user_max: number
}

export interface NewSale {
  id: string
  title: string
  opens_ms: number
  closes_ms: number
  skus: NewSku[]
  /** how long a confirmed reservation waits for payment */
  hold_ms: number
  /** by how much starting a payment extends the hold, once */
  payment_extension_ms: number
  /** units one buyer may have over all SKUs; 0: no such limit */
  sale_user_max: number
  /** holds one buyer may let run out per SKU, or give back after more than half of their time, before being refused; 0: no such limit */
  hold_attempts_max: number
  left_shown: 'exact' | 'band'
  gate: Record<string, unknown>
}

/** `price` and `title` of a SKU may change (a new price version), limits and times too; totals may only grow, and what they grew by is lent by the next rebuild. */
export interface SaleChange {
  title?: string
  opens_ms?: number
  closes_ms?: number
  hold_ms?: number
  sale_user_max?: number
  hold_attempts_max?: number
  left_shown?: 'exact' | 'band'
  gate?: Record<string, unknown>
  skus?: { sku: string; title?: string; price?: Price; total?: number; user_max?: number }[]
}

export interface Sale extends FollowedSale {
  hold_ms: number
  payment_extension_ms: number
  sale_user_max: number
  hold_attempts_max: number
  /** value of the sales version at its last change */
  version: number
}

/** What a reservation wrote into the queue, as the settler reads it (contract/lane-scripts.ts, "intent"). */
export interface Intent {
  sale: string
  shard: number
  epoch: number
  /** Redis' time of the reservation */
  reserved_ms: number
  body: string
  sku: string
  quantity: number
  price_version: number
  /** `late`: a unit taken for a payment that arrived after its order had expired */
  kind: 'purchase' | 'late'
  /** empty for an unlimited SKU */
  units: UnitGeneration[]
  user: string
  /** ids of the pass and the proof that were used up with it, joined by commas; '' for none */
  spends: string
}

export interface Order {
  sale: string
  shard: number
  body: string
  /** order number; '' for a tombstone that never was an order */
  order: string
  user: string
  sku: string
  quantity: number
  units: number[]
  status: ReservationStatus
  /** rises with each change of status; what the outbox publishes */
  version: number
  price: Price
  price_version: number
  reserved_ms: number
  confirmed_ms: number
  /** 0: none */
  pay_by_ms: number
  paid_ms: number
  /** why it is void, for operators; '' otherwise */
  reason: string
  /** what its intent spent: a rebuild must not make it valid again */
  spends: string
}

/** A status to be written to Redis. What was announced in one transaction shares an `id` and is struck off together. */
export interface StatusChange {
  id: string
  sale: string
  shard: number
  order: Order
}

/** Units on their way back to a shard. At most one of each reservation's endings makes one, even with no units: it also lowers the buyer's count. */
export interface PendingReturn {
  id: string
  sale: string
  shard: number
  epoch: number
  sku: string
  body: string
  user: string
  /** units by which the buyer's count and the unpaid count fall */
  quantity: number
  /** each with the generation of its new grant */
  units: UnitGeneration[]
  /** counts against hold_attempts_max: it ran out, or nearly */
  expired: boolean
}

export interface PaymentSession {
  provider: string
  session: string
  sale: string
  body: string
  amount_minor: number
  currency: string
  redirect: string
  status: 'open' | 'closed' | 'paid'
}

export interface Refund {
  /** also the idempotency key at the provider */
  id: string
  provider: string
  session: string
  amount_minor: number
  currency: string
}

/** A provider's event whose signature and time were right. */
export interface PaymentEvent {
  provider: string
  /** unique at the provider: seen before means no effect */
  event: string
  session: string
  kind: 'succeeded' | 'failed'
  amount_minor: number
  currency: string
}

export type PaymentOutcome =
  | 'paid'
  | 'failed'
  | 'seen_before'
  | 'unknown_session'
  /** amount or currency is not the order's, or another session has paid it: nothing changes but a refund is queued */
  | 'mismatch'
  /** success after the hold had run out: `lateSuccesses()` lists it until a unit is found or it is refunded; after a cancellation the refund is queued at once */
  | 'late'

export interface Terms {
  sku: string
  total: number
  granted: number
  returning: number
  moving: number
  confirmed: number
  paid: number
}

/** An intent that could not be settled, newest first. */
export interface DeadIntent {
  intent: Intent
  reason: string
  at_ms: number
}

/** What a shard is loaded from at the end of a rebuild. */
export interface ShardImage {
  free: { sku: string; units: UnitGeneration[] }[]
  /** every reservation the ledger knows, tombstones included */
  orders: Order[]
  /** unpaid units per SKU (state confirmed) */
  unpaid: { sku: string; units: number }[]
  buyers: { sku: string; user: string; units: number; expired_holds: number; bodies: string[] }[]
  sessions: { user: string; generation: number }[]
}

export class LedgerError extends Error {
  constructor(
    readonly code: 'exists' | 'not_found' | 'conflict' | 'bad_request',
    message: string,
  ) {
    super(message)
  }
}

export interface Ledger {
  /** `pglite`, `postgres` or `memory` */
  readonly kind: string
  /** for what is kept beside the ledger (catalogue); none in memory */
  readonly db?: Db
  /** Commits since the last durable point may be missing: what was acknowledged elsewhere since then is to come again. */
  readonly restored?: boolean
  /** It will come again, whatever happens now. */
  redelivered?(): Promise<void>
  now(): number
  close(): Promise<void>
  /** Resolves when all that is committed so far survives a power cut (at once on PostgreSQL; a fsynced checkpoint on PGlite). */
  durable(): Promise<void>

  // sales
  createSale(sale: NewSale): Promise<Sale>
  changeSale(id: string, change: SaleChange): Promise<Sale>
  setSaleState(id: string, state: SaleState): Promise<Sale>
  sale(id: string): Promise<Sale | undefined>
  sales(): Promise<{ version: number; degrade: DegradeByHand; sales: Sale[] }>
  salesVersion(): Promise<number>
  /** The level of degradation by hand; raises the sales' version, so that gates hear of it. */
  setDegrade(by_hand: DegradeByHand): Promise<void>

  readonly accounts: AccountRows

  /** waiting rooms */
  readonly rooms: RoomRows
  readonly lists: ListRows
  readonly pins: PinRows
  readonly draws: DrawRows

  // sessions: raises each user's generation and returns the new one
  replaceSessions(users: string[]): Promise<{ user: string; generation: number }[]>
  /** of the user's newest session; 0 when there was none */
  sessionGeneration(user: string): Promise<number>

  // settlement
  /** Settles intents in order, skipping those of a sale being rebuilt (they are returned in `deferred`). Effects: units claimed, orders or voids written, limits enforced, outbox; `announced` is what this has put there. */
  settle(intents: Intent[]): Promise<{ settled: number; deferred: Intent[]; announced: StatusChange[] }>
  /** An intent that fails again and again, alone: void with its units given back (where its sale is known and not being rebuilt), and kept for inspection. */
  bury(intent: Intent, reason: string): Promise<void>
  deadIntents(limit: number): Promise<DeadIntent[]>
  /** Writes `void` or `cancelled` for a reservation the ledger does not know; returns what the ledger has afterwards. undefined while the sale is being rebuilt. */
  tombstone(
    reservation: { sale: string; shard: number; body: string; user: string },
    status: 'void' | 'cancelled',
  ): Promise<Order | undefined>

  // holds
  /** Ends confirmed orders whose time is up; those with an open payment session only when named in `closed_sessions`. Returns what it ended. */
  expireDue(limit: number, closed_sessions: string[]): Promise<Order[]>
  /** Orders whose time is up and whose payment session is still open at the provider: to be closed there first. Without those put off. */
  dueWithOpenSession(limit: number): Promise<PaymentSession[]>
  /** confirmed → cancelled. Other states are left as they are, and so is everything while the sale is being rebuilt; returns the order as it is afterwards, undefined when unknown. */
  cancel(sale: string, body: string): Promise<Order | undefined>

  // payment
  /** Records the provider's session for a confirmed order and extends its hold once. Returns the session already recorded, if there is one. */
  recordPaymentSession(session: Omit<PaymentSession, 'status'>): Promise<PaymentSession>
  paymentSession(sale: string, body: string): Promise<PaymentSession | undefined>
  paymentSessionClosed(provider: string, session: string): Promise<void>
  applyPayment(event: PaymentEvent): Promise<PaymentOutcome>
  /** Orders expired but paid late, waiting for a unit. Without those put off. */
  lateSuccesses(limit: number): Promise<Order[]>
  /** No unit was to be had: expired → refunded, refund queued. */
  refundLate(sale: string, body: string): Promise<Order>
  /** Without those put off, which come last afterwards. */
  pendingRefunds(limit: number): Promise<Refund[]>
  /** What the order's payment session waits for (to be closed, or a unit for its late money) has failed: not listed for a second, then two, four … up to 64. */
  putOffPayment(sale: string, body: string): Promise<void>
  putOffRefund(id: string): Promise<void>
  refundDone(id: string): Promise<void>

  // outbox
  /** Oldest first, without those of the ids `except`. Whole announcements until there are `limit` changes: the last may go beyond. */
  pendingStatuses(limit: number, except?: string[]): Promise<StatusChange[]>
  statusesPublished(ids: string[]): Promise<void>
  pendingReturns(limit: number): Promise<PendingReturn[]>
  /** returning → granted for the units of these returns, and the returns struck off. */
  returnsApplied(ids: string[]): Promise<void>

  // rebuild
  /** Takes the sale's rebuild row and raises its epoch. undefined when another owner holds it and `lease_ms` has not passed. */
  beginRebuild(sale: string, owner: string, lease_ms: number): Promise<{ epoch: number } | undefined>
  /** Like `settle`, for surviving intents of older epochs, only by the rebuild's owner: an exact claim first, then any free unit in place of one that has moved on. */
  settleSurvivors(sale: string, owner: string, intents: Intent[]): Promise<{ settled: number }>
  /** One transaction: pending returns and moves deleted, every unit that is not confirmed or paid granted to this epoch with a new generation. */
  recountUnits(sale: string, owner: string): Promise<void>
  shardImage(sale: string, shard: number): Promise<ShardImage>
  /** rebuilding ends; draft becomes ready; the replication id and the stream barrier are kept. */
  finishRebuild(sale: string, owner: string, redis_replid: string): Promise<Sale>

  // reads
  order(sale: string, body: string): Promise<Order | undefined>
  orders(sale: string, after: string, limit: number): Promise<Order[]>
  /** `limit` of them: what is to be paid for, then what is paid, then the newest of the rest; oldest first */
  ordersOfUser(sale: string, user: string, limit: number): Promise<Order[]>
  terms(sale: string): Promise<Terms[]>
  /** which of these reservations the ledger already knows */
  knows(sale: string, bodies: string[]): Promise<string[]>
}
