// A picture for a SKU that has none: a small pattern of quarter circles, always the same for the same id.

export interface Tile {
  column: number
  row: number
  /** 0–3 quarter turns */
  turn: number
  /** index into the palette of the style sheet */
  colour: number
  shape: 'quarter' | 'ring' | 'dot'
}

export const ART_SIDE = 4
export const ART_COLOURS = 4

/** mulberry32, seeded by the text's FNV-1a hash. */
function randomOf(text: string): () => number {
  let seed = 0x811c9dc5
  for (let i = 0; i < text.length; i++) seed = Math.imul(seed ^ text.charCodeAt(i), 0x01000193)
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function artOf(id: string): Tile[] {
  const random = randomOf(id)
  const shapes: Tile['shape'][] = ['quarter', 'quarter', 'ring', 'dot']
  const tiles: Tile[] = []
  for (let row = 0; row < ART_SIDE; row++) {
    for (let column = 0; column < ART_SIDE; column++) {
      tiles.push({
        column,
        row,
        turn: Math.floor(random() * 4),
        colour: Math.floor(random() * ART_COLOURS),
        shape: shapes[Math.floor(random() * shapes.length)] ?? 'quarter',
      })
    }
  }
  return tiles
}
