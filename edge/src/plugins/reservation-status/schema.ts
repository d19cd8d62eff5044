import { integer, object } from '../../kernel/schema'

export const schema = object("Polls: a reservation's status from Redis, without touching the backend.", {
  retry_after_ms: integer({
    min: 100,
    max: 60000,
    unit: 'milliseconds',
    default: 1000,
    description: 'What a 503 names in Retry-After, before it is spread.',
  }),
})
