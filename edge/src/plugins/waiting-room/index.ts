// waiting-room: gives tickets, says how it stands with them, and asks a purchase for the pass that a ticket turns into.
//
// Guarantees: a pass is given only by the room's own script, within its budget (edge/src/redis/claim.ts); after this plugin, on a
// sale with a waiting room, `pass_id` names a pass that this site gave to this user for this sale. That it buys once is the
// reservation script's part. A repeat of a purchase that was made is let through, whatever has become of its pass.
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import { refuse, refuseFor, type Verdict } from '../../kernel/verdict'
import { passChecker } from './pass-check'
import { schema } from './schema'
import { ticketDesk } from './tickets'

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { sales } = ports
  const desk = ticketDesk(config, ports)
  const checkPass = passChecker(config, ports)

  function access(request: GateRequest): Verdict | undefined {
    const known = sales.find(request.route.subject)
    const settings = known === undefined ? undefined : known.sale.gate.waiting_room
    if (request.route.name === 'reserve') {
      return known === undefined || settings === undefined ? undefined : checkPass(request, known)
    }
    if (known === undefined) {
      if (sales.ready()) return refuse('not_found', 'sale: there is no such sale')
      return refuseFor('unavailable', 'This node does not know the sales yet.', config.retry_after_ms)
    }
    if (settings === undefined) return refuse('not_found', 'tickets: this sale has no waiting room')
    if (request.route.name === 'take_ticket') return desk.take(request, known, settings)
    return desk.poll(request, known, settings)
  }

  return { access }
}

export const waitingRoom = definePlugin({
  name: 'waiting-room',
  version: '0.1.0',
  priority: 1100,
  routes: ['take_ticket', 'ticket', 'reserve'],
  fails: 'closed',
  schema,
  create,
})
