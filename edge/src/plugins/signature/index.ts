// signature: purchases in sales that ask for it are signed with the session's own key (contract/request-signature.ts).
//
// Guarantee: what goes on was made by somebody who was given the signing key at login, for this method, path, body and
// Idempotency-Key, within skew_s_max. Nothing is remembered: a signed request sent again gets the reservation it got before,
// so a replay is harmless and a retry is never refused for its nonce.
import { parseSignature, signedHead } from '../../../../contract/request-signature'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import { type Refusal, refuse } from '../../kernel/verdict'
import { schema } from './schema'

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { crypto, http, sales } = ports
  const skew_ms_max = config.skew_s_max * 1000

  function refused(event: string, detail: string): Refusal {
    ports.count(event)
    return refuse('signature_required', detail)
  }

  function access(request: GateRequest): Refusal | undefined {
    const known = sales.find(request.route.subject)
    if (known === undefined || known.sale.gate.signature !== true) return undefined
    const header = http.header('x_rush_signature')
    if (header === undefined) return refused('missing', 'X-Rush-Signature: this sale asks for signed requests.')
    const parts = parseSignature(header)
    if (parts === undefined) return refused('malformed', 'X-Rush-Signature: must be v1.<time in ms>.<mac>.')
    const sid = request.session_id
    if (sid === '') return refused('no_key', 'X-Rush-Signature: this session has no key to sign with.')
    const head = signedHead(request.method, http.path(), parts.time, http.header('idempotency_key') ?? '')
    const body = http.body() ?? ''
    if (!crypto.isRequestSigned(request.session_key_id, sid, head, body, header, parts.mac_from)) {
      return refused('forged', 'X-Rush-Signature: does not fit this request and session.')
    }
    // after the mac, so that only who holds the key learns what the clock says
    const off_ms = parts.time_ms - request.redis_now_ms
    if (off_ms > skew_ms_max || off_ms < -skew_ms_max) {
      return refused('expired', 'X-Rush-Signature: its time is more than ' + config.skew_s_max + ' s off.')
    }
    return undefined
  }

  return { access }
}

export const signature = definePlugin({
  name: 'signature',
  version: '0.1.0',
  priority: 1800,
  routes: ['reserve'],
  fails: 'closed',
  reads_body: true,
  schema,
  create,
})
