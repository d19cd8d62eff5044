// Known answers that both sides must give: specs in Node and LuaJIT use them, and so can a gate or a backend in another language.

interface HmacVector {
  message: string
  /** base64url */
  mac: string
}

/** HMAC-SHA256 under the 32 bytes "0123456789abcdef0123456789abcdef": what reservation ids are made of. */
export const ID_KEY = '0123456789abcdef0123456789abcdef'

export const ID_MACS: HmacVector[] = [
  { message: '2:id3:ada6:spring5:key-1', mac: '3NH5S4qu-RBYkMEV9knpP_RxlIyKI9fVOouaQ1Sa8IY' },
  { message: '2:id4:zoë6:spring5:key-1', mac: 'RHGph9kDdNCNpNJ6wwcfgKxjPEv5hzDev4bqcbYmEAw' },
  { message: '5:owner22:3NH5S4qu-RBYkMEV9knpP_3:ada', mac: 'qwMfm73OIDk3dArpRGPKke-fnnkj3oLLnnl-PgT2XUs' },
  { message: '5:owner22:RHGph9kDdNCNpNJ6wwcfgK4:zoë', mac: '2oyzmX8sYUQBcVUZefC_Gco21RIdEh-dzaAkhyYXU04' },
]

interface ReservationIdVector {
  user: string
  user_bytes: number
  sale: string
  shard: number
  key: string
  id: string
}

export const RESERVATION_IDS: ReservationIdVector[] = [
  {
    user: 'ada',
    user_bytes: 3,
    sale: 'spring',
    shard: 0,
    key: 'key-1',
    id: 'r1.spring.0.3NH5S4qu-RBYkMEV9knpP_.qwMfm73OIDk3dArp',
  },
  {
    user: 'zoë',
    user_bytes: 4,
    sale: 'spring',
    shard: 12,
    key: 'key-1',
    id: 'r1.spring.12.RHGph9kDdNCNpNJ6wwcfgK.2oyzmX8sYUQBcVUZ',
  },
]

/** HKDF-SHA256 of this secret, salt "rushgate", info "session", 32 bytes, as base64url. */
export const SECRET = 'correct horse battery staple'
export const SESSION_SUBKEY = '-PpN7392GlVmDJbpfPOwDQSudIjfqA5jdxvK1v8609g'

/** A token under that subkey, of the user zoë, generation 7, level 3. */
export const SESSION_TOKEN =
  's1.k1.em_Dqw.7.3.1767268800000.AAECAwQFBgcICQoL.boBJ2tr1iMW1RcZjKD5a8BgRCLWJizuas6HRvKdnptc'

/** CRC-32 of the user id "ada". */
export const CRC32_ADA = 2372962152

/** Of the user zoë, under the subkeys "ticket" and "pass" of the same secret. */
export const TICKET = 't1.k1.spring.em_Dqw.4711.1767225600000.1767268800000.vMiCCas4pycSbRukDVdFg373h_Y34VxmtmsRpKbYwhQ'
export const PASS =
  'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0ODw.1767225720000.yb4rPZRN8n45WqDW1_jy0dqQx2GSEErhvcFKWK32csE'

interface SignatureVector {
  method: string
  path: string
  time_ms: number
  key: string
  body: string
  body_hash: string
  /** what is signed, under the 32 bytes of ID_KEY */
  signed: string
  mac: string
  header: string
}

export const SIGNATURES: SignatureVector[] = [
  {
    method: 'POST',
    path: '/sales/spring/reservations',
    time_ms: 1767225600000,
    key: 'key-1',
    body: '{"sku":"shoe","quantity":1}',
    body_hash: 'AcnuBaX0dw37VEzt7cYRLbjSwmWcoG-ZAgKdZTTSPQI',
    signed: 'v1\nPOST\n/sales/spring/reservations\n1767225600000\nkey-1\nAcnuBaX0dw37VEzt7cYRLbjSwmWcoG-ZAgKdZTTSPQI',
    mac: '4kZzHalROYV9IZ8jAxZRrkzhl-bfpRpbOFlG5F9vjKk',
    header: 'v1.1767225600000.4kZzHalROYV9IZ8jAxZRrkzhl-bfpRpbOFlG5F9vjKk',
  },
  {
    method: 'GET',
    path: '/sales/spring/state',
    time_ms: 1,
    key: '',
    body: '',
    body_hash: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    signed: 'v1\nGET\n/sales/spring/state\n1\n\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    mac: 's6Rc7ShNljCMPVtTZ3yYrEm-L3AzJjr9hErpa_HiCQk',
    header: 'v1.1.s6Rc7ShNljCMPVtTZ3yYrEm-L3AzJjr9hErpa_HiCQk',
  },
  {
    method: 'POST',
    path: '/sales/spring/reservations',
    time_ms: 99999999999999,
    key: 'k~!',
    body: '{"name":"zoë"}',
    body_hash: 'o93Ui7GFYCP9tLAU7no8knINiDi9kVKwDINN1afRrE8',
    signed: 'v1\nPOST\n/sales/spring/reservations\n99999999999999\nk~!\no93Ui7GFYCP9tLAU7no8knINiDi9kVKwDINN1afRrE8',
    mac: 'gA1tuhtwntaOe-kG4FWNmUuyt-u9OBCJInQB_g9PSHQ',
    header: 'v1.99999999999999.gA1tuhtwntaOe-kG4FWNmUuyt-u9OBCJInQB_g9PSHQ',
  },
]
