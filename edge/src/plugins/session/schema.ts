import { boolean, object } from '../../kernel/schema'

export const schema = object('Sessions: who the shopper is, checked without a round trip.', {
  cookie: boolean({
    default: true,
    description:
      'Take the session from the cookie too, not only from Authorization. With a cookie, state-changing requests must come from this site.',
  }),
})
