// A request as plugins see it. Built once at the rim; plugins later in the chain read what earlier ones filled in.
import type { Route } from '../domain/route'

export interface GateRequest {
  method: string
  route: Route
  /** ms, this node's clock */
  now_ms: number
  /** ms by Redis' clock, as far as this node knows it */
  redis_now_ms: number

  /** the client's address as text, behind the proxies that are trusted */
  address: string

  /** the operator's allow list names this address or user: no limits by rate and no score; set by the lists' plugins */
  is_allowed: boolean
  /** filled in by the session plugin; '' before it */
  user: string
  /** generation of the session; 0 before it */
  generation: number
  /** the session's own id; '' before it, and for a token that has none */
  session_id: string
  /**
   * What the token that was sent is known again by, where the session plugin has put another in its place. Not there for all others:
   * a record of more than 16 fields takes LuaJIT twice the room.
   */
  session_mark?: string
  /** key id of the session token; '' before it */
  session_key_id: string
  /** membership, 0 (none) to 9 */
  level: number

  /** how much this looks like a machine: 0 for not at all; what weighs how much is said in the plugin that sets it */
  score: number
  /** a hash of what the client's headers are like, 16 hexadecimal digits; '' before the plugin that takes it */
  fingerprint: string
  /** a proof is asked for because of the score, whatever the sale says */
  proof_asked: boolean
  /** what a verified pass and a verified proof are spent under; '' where none was asked for */
  pass_id: string
  proof_id: string
}

/** Nobody yet, from `address`. */
export function newRequest(
  method: string,
  route: Route,
  now_ms: number,
  redis_now_ms: number,
  address: string,
): GateRequest {
  return {
    method,
    route,
    now_ms,
    redis_now_ms,
    address,
    is_allowed: false,
    user: '',
    generation: 0,
    session_id: '',
    session_key_id: '',
    level: 0,
    score: 0,
    fingerprint: '',
    proof_asked: false,
    pass_id: '',
    proof_id: '',
  }
}
