import { integer, object } from '../../kernel/schema'

export const schema = object('Signed requests, for sales whose gate asks for `signature`.', {
  skew_s_max: integer({
    min: 1,
    max: 3600,
    unit: 'seconds',
    default: 120,
    description: "How far the time of a signature may be from Redis' clock, before it and after it.",
  }),
})
