// How a person shops: looks at the page, takes a ticket, waits as told, reads, buys, and pays after a while.
import { sleep } from 'k6'
import { POLL_MAX_MS, pause, type Visitor } from './visitor.ts'

/** shortest and longest, in seconds */
const READS: [number, number] = [0.5, 2]
const DECIDES: [number, number] = [1, 3]

export function think([least_s, most_s]: [number, number]): void {
  sleep(least_s + Math.random() * (most_s - least_s))
}

/** `pays_after_ms` −1: does not pay. */
export function shop(visitor: Visitor, key: string, pays_after_ms: number): void {
  try {
    visitor.look()
    think(READS)
    const pass = queue(visitor)
    if (pass === '') return
    think(DECIDES)
    const reservation = visitor.buy(key, { pass, proof: visitor.prove(), is_signed: true })
    if (reservation !== '') visitor.follow(key, reservation, pays_after_ms)
  } finally {
    visitor.leave()
  }
}

/** The pass; '' when it is over before one's turn. */
function queue(visitor: Visitor): string {
  let ticket = ''
  while (ticket === '') {
    ticket = visitor.enter()
    if (ticket === '') pause(1000)
    if (Date.now() >= visitor.run.ends_ms) return ''
  }
  while (Date.now() < visitor.run.ends_ms) {
    const { body } = visitor.pollTicket(ticket)
    if (body.pass !== undefined) return body.pass
    if (body.status === 'sold_out' || body.status === 'expired') return ''
    if (body.ticket !== undefined) ticket = body.ticket
    pause(Math.min(POLL_MAX_MS, body.poll_after_ms ?? body.retry_after_ms ?? 1000))
  }
  return ''
}
