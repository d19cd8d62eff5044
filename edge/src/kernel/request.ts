// A request as plugins see it. Built once at the rim; plugins later in the chain read what earlier ones filled in.
import type { Route } from '../domain/route'

export interface GateRequest {
  method: string
  route: Route
  /** ms, this node's clock */
  now_ms: number
  /** ms by Redis' clock, as far as this node knows it */
  redis_now_ms: number

  /** filled in by the session plugin; '' before it */
  user: string
  /** generation of the session; 0 before it */
  generation: number
}
