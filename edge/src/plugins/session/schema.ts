import { boolean, integer, object, string } from '../../kernel/schema'

export const schema = object('Sessions: who the shopper is, checked without a round trip.', {
  cookie: boolean({
    default: true,
    description:
      'Take the session from the cookie too, not only from Authorization. With a cookie, state-changing requests must come from this site.',
  }),
  jwt: object("The shop's own tokens: JWT by HS256, RS256 or EdDSA, believed without asking anybody.", {
    keys: string({
      length_max: 65536,
      secret: true,
      default: '',
      description:
        'Path of a JWKS file, read again when it changes, or the JWKS itself as JSON. Empty: no such tokens.',
    }),
    issuer: string({ length_max: 500, default: '', description: 'What iss must be.' }),
    audience: string({ length_max: 500, default: '', description: 'What aud must be, or name among others.' }),
    user_claim: string({
      length_min: 1,
      length_max: 100,
      default: 'sub',
      description: 'The claim that is the user id.',
    }),
    level_claim: string({
      length_max: 100,
      default: '',
      description: 'The claim that is the membership level, a whole number from 0 to 9. Empty: level 0 for all.',
    }),
    clock_skew_s: integer({
      min: 0,
      max: 300,
      unit: 'seconds',
      default: 30,
      description: "By how much the shop's clock may differ from this one, for exp, nbf and iat.",
    }),
  }),
})
