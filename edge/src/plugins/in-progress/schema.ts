import { integer, object } from '../../kernel/schema'

export const schema = object('Limits of requests in progress, by address and in all.', {
  address_max: integer({
    min: 1,
    max: 100000,
    unit: 'requests',
    default: 500,
    description: 'In progress at once of one address (IPv6: its /64), on this node.',
  }),
  all_max: integer({
    min: 1,
    max: 1000000,
    unit: 'requests',
    default: 20000,
    description: 'In progress at once on this node.',
  }),
})
