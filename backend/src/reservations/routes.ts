// Routes about a shopper's own reservations.
import type { Request, Response, Router } from 'express'
import { recordAnswer } from '../../../edge/src/domain/reservation-answer'
import type { Authenticator } from '../http/auth'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import { recordOf } from '../redis/shards'
import type { SalesFollower } from '../sales/follower'
import { SALE_ID } from '../sales/schemas'
import type { Sessions } from '../sessions/sessions'
import type { Session } from '../sessions/token'
import type { Known, Reservation, Reservations } from './reservations'

/** The same words as the gate's own answers, because they are made by the same function. */
function answerText(id: string, known: Known, level: number): string {
  return recordAnswer(id, 'record' in known ? known.record : recordOf(known.order), Math.random(), level)
}

function send(response: Response, text: string): void {
  response.type('application/json').send(text)
}

export function addReservationRoutes(
  router: Router,
  {
    auth,
    reservations,
    sales,
    sessions,
  }: { auth: Authenticator; reservations: Reservations; sales: SalesFollower; sessions: Sessions },
): void {
  const own = async (request: Request): Promise<{ session: Session; reservation: Reservation }> => {
    const session = auth.session(request)
    return { session, reservation: await reservations.own(param(request, 'reservation'), session) }
  }
  addRoute(router, '/reservations/:reservation', {
    get: async (request, response) => {
      const { reservation } = await own(request)
      send(response, answerText(reservation.id, await reservations.look(reservation), sales.degradeLevel()))
    },
    delete: async (request, response) => {
      const { session, reservation } = await own(request)
      await sessions.requireNewest(session)
      send(response, answerText(reservation.id, await reservations.giveBack(reservation), sales.degradeLevel()))
    },
  })
  addRoute(router, '/reservations/:reservation/payment', {
    post: async (request, response) => {
      const { session, reservation } = await own(request)
      await sessions.requireNewest(session)
      response.json(await reservations.pay(reservation))
    },
  })
  addRoute(router, '/sales/:sale/reservations', {
    get: async (request, response) => {
      const { user } = auth.session(request)
      const id = param(request, 'sale')
      const sale = SALE_ID.test(id) ? await sales.sale(id) : undefined
      if (sale === undefined) throw new Refusal('not_found', 'there is no such sale')
      const all = await reservations.ofUser(sale, user)
      send(
        response,
        `{"reservations":[${all.map((each) => answerText(each.id, each.known, sales.degradeLevel())).join(',')}]}`,
      )
    },
  })
}
