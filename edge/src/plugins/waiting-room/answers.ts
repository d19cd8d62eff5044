// What somebody who waits is told, as JSON. Nothing in it needs escaping.
import type { Chance } from '../../domain/waiting'
import { type Answer, answerJson } from '../../kernel/verdict'

type TicketStatus = 'waiting' | 'admitted' | 'sold_out' | 'expired'

function orNull(value: number | undefined): string {
  return value === undefined ? 'null' : '' + value
}

/** `place`: 1 for who is next; undefined while it is not known. */
export function ticketAnswer(
  status: TicketStatus,
  place: number | undefined,
  eta_s: number | undefined,
  chance: Chance | undefined,
  poll_after_ms: number,
  pass: string,
): Answer {
  return answerJson(
    200,
    '{"status":"' +
      status +
      '","place":' +
      orNull(place) +
      ',"eta_s":' +
      orNull(eta_s) +
      ',"chance":' +
      (chance === undefined ? 'null' : '"' + chance + '"') +
      ',"poll_after_ms":' +
      poll_after_ms +
      (pass === '' ? '}' : ',"pass":"' + pass + '"}'),
  )
}

export function takenAnswer(ticket: string, place: number | undefined, poll_after_ms: number): Answer {
  return answerJson(
    201,
    '{"ticket":"' +
      ticket +
      '"' +
      (place === undefined ? '' : ',"place":' + place) +
      ',"poll_after_ms":' +
      poll_after_ms +
      '}',
  )
}
