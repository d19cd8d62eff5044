import { type Infer, integer, object } from '../../kernel/schema'

export const schema = object('Counting of items, and what makes one hot.', {
  enter_per_s: integer({
    min: 1,
    max: 10000000,
    unit: 'requests a second',
    default: 200,
    description: 'An item is hot from this rate at this node on.',
  }),
  cluster_enter_per_s: integer({
    min: 1,
    max: 100000000,
    unit: 'requests a second',
    default: 500,
    description: 'The same of all gates together, as far as the Redis of volatile data is there to add them up.',
  }),
  leave_percent: integer({
    min: 1,
    max: 100,
    unit: 'percent',
    default: 50,
    description: 'It stays hot until both rates are below this part of their thresholds …',
  }),
  quiet_ms: integer({
    min: 0,
    max: 3600000,
    unit: 'milliseconds',
    default: 5000,
    description: '… for this long.',
  }),
  window_ms: integer({
    min: 100,
    max: 10000,
    unit: 'milliseconds',
    default: 500,
    description:
      'Rates are those of the last so many milliseconds: less sees a rush earlier, more sees it with less chance in it.',
  }),
  hot_max: integer({
    min: 1,
    max: 256,
    unit: 'items',
    default: 64,
    description: 'Items that may be hot at a time.',
  }),
})

export type HotItemSettings = Infer<typeof schema>

export const eventsSchema = object('Events: each request for an item is recorded.', {})
