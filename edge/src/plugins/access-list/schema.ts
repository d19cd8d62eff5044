import { object } from '../../kernel/schema'

export const addressSchema = object('Refuses addresses on the deny list, exempts those on the allow list.', {})

export const userSchema = object(
  'Refuses users and fingerprints on the deny list, exempts those on the allow list.',
  {},
)
