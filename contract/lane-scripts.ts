// Wire shapes of the batched scripts: what a lane sends and what comes back.
//
// A batch is one EVALSHA: few long arguments, because each argument costs on both sides. Items are packed
// with length prefixes and unpacked in Redis by struct.unpack, replies are lines of text.
//
// reserve   KEYS  meta, intents, buyers, reservations, sessions, then the free list of each SKU of the batch,
//                 then spent where something is spent
//           ARGV  batch, expected epoch, SKUs of the batch joined by commas (order of KEYS), items,
//                 spends where there are any: for each item that has some, H its number from 1 · Bc0 ids joined by commas,
//                 each "p<id of a pass>" or "w<id of a proof of work>"
//           item  c22 body · B index of the SKU (from 1) · H quantity · I4 session generation · Hc0 user
//                 (big-endian, struct format ITEM_FORMAT)
//           reply line 1    <batch> <now_ms> <state> <stock version>
//                 a line for each SKU   <free> <unpaid>
//                 a line for each item  <body> <code> [<rest>]
//                 held: rest = <units joined by commas> <reserved_ms>; replay: rest = record;
//                 limit_reached: rest = bodies of the buyer's own reservations joined by commas
//                 pass_required, proof_required: it was spent for another reservation
//                 state is 'rebuilding' when the epoch is not the expected one: no further lines then.
//
// lookup    KEYS  reservations   ARGV batch, bodies (22 bytes each, nothing between)
//           reply line 1 <batch>, then a line for each: <body> <record or "-">
//
// stock     KEYS  meta, then free lists   ARGV batch, SKUs joined by commas
//           reply line 1 <batch> <now_ms> <state> <stock version> <epoch>, then <free> <unpaid> for each SKU
//
// take-number, draw-ticket, claim and is-reserved are asked through LanePort.ask: ARGV is the batch, then for each item its name
//           (22 characters) and its text; the reply is <batch>, then for each item its name and:
//
// take-number  KEYS  meta, admission, called
//           text  I4 expected epoch
//           said  number <n> <now_ms> <front> <credit> <called>; no_numbers (the ledger has yet to lend more); draw; rebuilding
//
// draw-ticket  KEYS  meta, admission, called, entrants, entries, ranks
//           text  I4 expected epoch · c16 entrant (contract/draw-entrant.ts)
//           said  entered <now_ms> <opens_ms> <entrants so far>; drawing <now_ms>; number, no_numbers and rebuilding as take-number
//
// claim     KEYS  meta, admission, called, called-until, admitted, checkout
//           text  I4 expected epoch · B 1 if there is stock to admit people to, else 0 · c22 id of the pass if this ask
//                 is admitted · I4 ticket number · Hc0 user
//           said  waiting <ahead> <now_ms> <front> <credit> <free places> <called> <in checkout> <issued>; admitted <pass id> <expires_ms>; expired; not_open;
//                 rebuilding
//
// is-reserved  KEYS  meta, reservations
//           text  I4 expected epoch · c22 reservation body
//           said  known; unknown; rebuilding
//
// rate      is asked on the lane of volatile data, in the same shape, with a key of its own for each item
//           KEYS  born, then the key of each item
//           text  <ms a token> <capacity> <tokens that a subject has in a Redis that lost all> <wanted>, decimal
//           said  <given> <ms>: until the last one given has flowed in; of none given: until one is there
//
// hot-items likewise, one item in a batch: what this gate counts, and what the others do; edge/src/redis/hot-items.ts has the shapes
//
// intent    stream entry: e epoch · t Redis ms · n items · i items, each
//           c22 body · Bc0 sku · H quantity · I4 price version · B kind (0 purchase, 1 late payment)
//           · Hc0 units "unit:generation,…" · Hc0 user
//           · Bc0 what was spent with it, as above

export const ITEM_FORMAT = '>c22BHI4Hc0'

/** Reservations in one batch: bounds the time one script holds Redis (about 1 ms); the index of a SKU in it is one byte. */
export const LANE_BATCH_MAX = 255

export const USER_BYTES_MAX = 256
/** Units in one reservation. */
export const QUANTITY_MAX = 100
/** Idempotency-Key: 1 to this many visible ASCII characters. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 128
