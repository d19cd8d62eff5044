import { integer, object } from '../../kernel/schema'

export const schema = object(
  'Proof of work before a purchase, where a sale asks for it, and the way of waiting instead.',
  {
    number_base: integer({
      min: 1,
      max: 10000000,
      unit: 'hashes',
      default: 500000,
      description: 'Hashes that a shopper with score 0 computes at most, in calm; half of it on average.',
    }),
    number_max: integer({
      min: 1,
      max: 100000000,
      unit: 'hashes',
      default: 5000000,
      description: 'The most that score and load together ask for.',
    }),
    score_step: integer({
      min: 1,
      max: 10000,
      default: 20,
      description: 'A request with this score has twice the work, with twice this score three times, and so on.',
    }),
    calm_per_s: integer({
      min: 1,
      max: 1000000,
      unit: 'challenges per second',
      default: 1000,
      description: 'Up to so many that this node gives out the work stays as it is; beyond, it grows in proportion.',
    }),
    valid_s: integer({
      min: 30,
      max: 3600,
      unit: 'seconds',
      default: 600,
      description: 'How long a challenge and its proof are good for. Longer than a shopper tries again for.',
    }),
    wait_s: integer({
      min: 1,
      max: 600,
      unit: 'seconds',
      default: 30,
      description: 'How long somebody waits who does not want to compute.',
    }),
    waits_session_max: integer({
      min: 1,
      max: 1000,
      unit: 'proofs',
      default: 3,
      description: 'Proofs that one session may get by waiting from this node in each window.',
    }),
    waits_address_max: integer({
      min: 1,
      max: 100000,
      unit: 'proofs',
      default: 30,
      description: 'Proofs that one address may get by waiting from this node in each window.',
    }),
    waits_window_s: integer({
      min: 1,
      max: 86400,
      unit: 'seconds',
      default: 600,
      description: 'The window of waits_session_max and waits_address_max.',
    }),
  },
)
