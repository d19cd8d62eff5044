import { integer, object } from '../../kernel/schema'

export const schema = object('The state of a sale as pages poll it, from shared memory.', {
  kept_ms: integer({
    min: 0,
    max: 1000,
    unit: 'milliseconds',
    default: 100,
    description: 'How long a worker uses the same text again; the time in it is always fresh.',
  }),
})
