// Packs one reservation for the reserve script: contract/lane-scripts.ts, ITEM_FORMAT. The text is bytes, one a character.

const BYTE = 256

/** `sku_index` counts from 1 within the batch; `user_bytes` is the user id's length in bytes. */
export function packReserveItem(
  body: string,
  sku_index: number,
  quantity: number,
  generation: number,
  user_bytes: number,
  user: string,
): string {
  const generation_high = Math.floor(generation / 65536)
  const generation_low = generation - generation_high * 65536
  return (
    body +
    String.fromCharCode(
      sku_index,
      Math.floor(quantity / BYTE),
      quantity % BYTE,
      Math.floor(generation_high / BYTE),
      generation_high % BYTE,
      Math.floor(generation_low / BYTE),
      generation_low % BYTE,
      Math.floor(user_bytes / BYTE),
      user_bytes % BYTE,
    ) +
    user
  )
}
