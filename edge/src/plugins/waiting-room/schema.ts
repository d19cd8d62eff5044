import { integer, object } from '../../kernel/schema'

export const schema = object(
  'Waiting room: tickets, polls, and the pass that a purchase must bring where a sale asks for it.',
  {
    ticket_valid_s: integer({
      min: 60,
      max: 2592000,
      unit: 'seconds',
      default: 86400,
      description: 'How long a ticket is good for, from the opening or from when it was taken, whichever is later.',
    }),
    open_margin_ms: integer({
      min: 0,
      max: 60000,
      unit: 'milliseconds',
      default: 1000,
      description: 'How near the opening the room is asked although this node’s clock says that it is not open yet.',
    }),
    retry_after_ms: integer({
      min: 100,
      max: 60000,
      unit: 'milliseconds',
      default: 1000,
      description:
        'What refused clients are told to wait when the room cannot be asked; those who wait then come at different times.',
    }),
  },
)
