import { integer, object } from '../../kernel/schema'

export const schema = object('Reservations: stock checked and taken in Redis, in one atomic step.', {
  open_margin_ms: integer({
    min: 0,
    max: 5000,
    unit: 'milliseconds',
    default: 100,
    description: 'This close to the opening and closer, Redis is asked: its clock decides.',
  }),
  retries_max: integer({
    min: 1,
    max: 1000,
    unit: 'requests',
    default: 20,
    description: 'Requests with X-Rush-Retry: 1 that one user may send to this node in each window.',
  }),
  retries_window_s: integer({
    min: 1,
    max: 3600,
    unit: 'seconds',
    default: 10,
    description: 'The window of retries_max.',
  }),
  retry_after_ms: integer({
    min: 100,
    max: 60000,
    unit: 'milliseconds',
    default: 1000,
    description: 'What a 503 names in Retry-After, before it is spread.',
  }),
})
