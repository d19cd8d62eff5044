import { integer, object } from '../../kernel/schema'

export const schema = object('Looking for products: refused while the node is short of everything that buying needs.', {
  query_bytes_max: integer({
    min: 64,
    max: 8000,
    unit: 'bytes',
    default: 1500,
    description: 'What may follow the "?", as it is sent.',
  }),
  retry_ms: integer({
    min: 100,
    max: 600000,
    unit: 'milliseconds',
    default: 10000,
    description: 'When to come back, for who is refused because of the level of degradation.',
  }),
})
