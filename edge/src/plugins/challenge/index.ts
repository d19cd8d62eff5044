// challenge: before a purchase a device computes for a moment, or its owner waits.
//
// Guarantee: after it, on a sale that asks for a proof, `proof_id` names one that this site has given to this session for this sale
// and that has not expired. That it is spent once only is the reservation script's part, in the same step as the purchase.
// A repeat of a purchase that was made is let through, whatever has become of its proof.
import {
  type Challenge,
  formatSalt,
  PROOF_ALGORITHM,
  PROOF_LENGTH_MAX,
  type Proof,
  SESSION_MARK_LENGTH,
} from '../../../../contract/challenge'
import { parseAddress, prefixText } from '../../domain/address'
import { checkProof, maxNumber, numberFrom, type ProofCheck, type ProofTools } from '../../domain/challenge'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import { isMarkedRetry, repeatCheck } from '../../kernel/repeat'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import { answerJson, answerPage, refuse, refuseFor, type Verdict } from '../../kernel/verdict'
import { readyPage, waitingPage } from './page'
import { schema } from './schema'

const ID_BYTES = 16
/** of IPv6, which is what one household has; IPv4 has fewer and counts whole */
const NETWORK_BITS = 64
const FORM = 'form'
const FORM_PROOF = 'form&proof='
const NO_PROOF: ProofCheck = { id: '', problem: 'is not a proof', early_ms: 0, expires_ms: 0, is_outdated: false }
const RETRY_AFTER_MS = 1000

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { crypto, http, sales } = ports
  const unlessRepeat = repeatCheck(ports, RETRY_AFTER_MS)
  const tools: ProofTools = {
    mac: (key_id, message) => crypto.mac('proof', key_id, message),
    equal: crypto.equal,
    sha256Hex: crypto.sha256Hex,
  }

  function sessionMark(request: GateRequest): string {
    return crypto.sha256('proof.' + request.session_id + '.' + request.user).substring(0, SESSION_MARK_LENGTH)
  }

  function makeChallenge(
    request: GateRequest,
    expires_s: number,
    after_s: number,
    number: number,
    maxnumber: number,
  ): Challenge {
    const key_id = crypto.signingKeyId()
    const salt = formatSalt({
      id: crypto.random(ID_BYTES),
      expires_s,
      key_id,
      sale: request.route.subject,
      session: sessionMark(request),
      after_s,
    })
    const challenge = crypto.sha256Hex(salt + number)
    return {
      algorithm: PROOF_ALGORITHM,
      challenge,
      maxnumber,
      salt,
      signature: crypto.mac('proof', key_id, challenge) ?? '',
    }
  }

  /** Nothing in it needs escaping. */
  function jsonOf(name: 'maxnumber' | 'number', value: number, made: Challenge | Proof): string {
    return (
      '{"algorithm":"' +
      made.algorithm +
      '","challenge":"' +
      made.challenge +
      '","' +
      name +
      '":' +
      value +
      ',"salt":"' +
      made.salt +
      '","signature":"' +
      made.signature +
      '"}'
    )
  }

  /** `text`: base64 or base64url. */
  function check(request: GateRequest, text: string): ProofCheck {
    if (text.length > PROOF_LENGTH_MAX) return NO_PROOF
    const json = crypto.fromBase64(text)
    if (json === undefined) return NO_PROOF
    return checkProof(tools, http.parseJson(json), request.route.subject, sessionMark(request), request.now_ms)
  }

  function giveChallenge(request: GateRequest): Verdict {
    const max = maxNumber(config, request.score, ports.countWithin('given', 1))
    const expires_s = Math.floor(request.now_ms / 1000) + config.valid_s
    ports.count('given')
    return answerJson(
      200,
      jsonOf('maxnumber', max, makeChallenge(request, expires_s, 0, numberFrom(crypto.random(ID_BYTES), max), max)),
    )
  }

  /** Waiting costs nothing but time, and many can wait at once: that is why it is counted. */
  function startWaiting(request: GateRequest): Verdict {
    const by_session = ports.countWithin('session:' + sessionMark(request), config.waits_window_s)
    if (by_session > config.waits_session_max || overByAddress(request)) {
      return refuseFor(
        'rate_limited',
        'Too many have waited from here: let your device compute instead, or come back later.',
        config.waits_window_s * 1000,
      )
    }
    const after_s = Math.ceil(request.now_ms / 1000) + config.wait_s
    const made = makeChallenge(request, after_s + config.valid_s, after_s, 0, 0)
    ports.count('waiting')
    const proof = crypto.toBase64Url(jsonOf('number', 0, made))
    return answerPage(waitingPage(request.route.subject, proof, config.wait_s * 1000))
  }

  function overByAddress(request: GateRequest): boolean {
    const address = parseAddress(request.address)
    const counted = address === undefined ? request.address : prefixText(address, NETWORK_BITS)
    return ports.countWithin('address:' + counted, config.waits_window_s) > config.waits_address_max
  }

  function form(request: GateRequest, query: string): Verdict {
    if (query.substring(0, FORM_PROOF.length) !== FORM_PROOF) return startWaiting(request)
    const proof = query.substring(FORM_PROOF.length)
    // it is written into the page, so it must be base64url to the letter: nginx' decoder reads only up to a "="
    const json = crypto.fromBase64Url(proof)
    const checked = json !== undefined && crypto.toBase64Url(json) === proof ? check(request, proof) : NO_PROOF
    const sale = request.route.subject
    if (checked.early_ms > 0) return answerPage(waitingPage(sale, proof, checked.early_ms))
    if (checked.id === '') return startWaiting(request)
    return answerPage(readyPage(sale, proof, checked.expires_ms))
  }

  function access(request: GateRequest): Verdict | undefined {
    const sale = request.route.subject
    const known = sales.find(sale)
    const asks = known !== undefined && (known.sale.gate.proof === true || request.proof_asked)
    if (request.route.name === 'challenge') {
      if (known === undefined && !sales.ready()) {
        return refuseFor('unavailable', 'This node does not know the sales yet.', RETRY_AFTER_MS)
      }
      if (!asks) return refuse('not_found', 'challenge: this sale does not ask for one')
      const query = http.query()
      return query.substring(0, FORM.length) === FORM ? form(request, query) : giveChallenge(request)
    }
    if (!asks) return undefined
    const proof = http.header('x_rush_proof')
    if (proof === undefined) {
      const refusal = refuse('proof_required', 'X-Rush-Proof: is missing: GET /sales/' + sale + '/challenge')
      return known !== undefined && isMarkedRetry(ports) ? unlessRepeat(request, known, refusal) : refusal
    }
    const checked = check(request, proof)
    if (checked.id === '') {
      const refusal = refuse('proof_required', 'X-Rush-Proof: ' + checked.problem)
      return known !== undefined && checked.is_outdated ? unlessRepeat(request, known, refusal) : refusal
    }
    request.proof_id = checked.id
    return undefined
  }

  return { access }
}

export const challenge = definePlugin({
  name: 'challenge',
  version: '0.1.0',
  priority: 1200,
  routes: ['challenge', 'reserve'],
  fails: 'closed',
  schema,
  create,
})
