// The products that `npm start` puts into the catalogue: those of the demo sales, and enough beside them for a search to have
// something to choose from.
import type { Stack } from './stack'

interface DemoProduct {
  id: string
  title: string
  text: string
  picture: string
  price: { amount_minor: number; currency: string }
  attributes: Record<string, string>
}

type Row = [id: string, title: string, kind: string, amount_minor: number, attributes: string, text: string]

/** A line each: id, title, kind (its picture), price in cents, attributes, text. */
const ROWS: Row[] = [
  [
    'poster',
    'Concert poster, signed',
    'poster',
    1900,
    'colour=red,room=hall',
    'Offset print, 50 × 70 cm, signed by the whole band on the last night of the tour.',
  ],
  [
    'record',
    'Live record, first pressing',
    'record',
    2900,
    'colour=black,material=vinyl',
    'Two sides, 41 minutes, cut from the desk tape. Numbered sleeve.',
  ],
  [
    'print',
    'Screen print, numbered',
    'poster',
    3900,
    'colour=blue,room=study',
    'Three colours on heavy paper, pulled by hand in an edition that is not repeated.',
  ],
  [
    'lamp',
    'Desk lamp, brass',
    'lamp',
    7900,
    'colour=brass,material=brass,room=study',
    'A lamp that stays where you put it. Turned brass, cloth cable, dimmer in the foot.',
  ],
  [
    'clock',
    'Wall clock, oak',
    'clock',
    5900,
    'colour=brown,material=oak,room=kitchen',
    'Silent movement, hands of steel, face of oiled oak, 28 cm.',
  ],
  [
    'lamp-floor',
    'Floor lamp, black',
    'lamp',
    12900,
    'colour=black,material=steel,room=living',
    'Tall reading lamp with a heavy foot and a shade that turns.',
  ],
  [
    'lamp-table',
    'Table lamp, glass',
    'lamp',
    6900,
    'colour=white,material=glass,room=living',
    'Opal glass, mouth-blown; a warm light that does not glare.',
  ],
  [
    'lamp-clip',
    'Clip-on lamp',
    'lamp',
    2400,
    'colour=red,material=steel,room=study',
    'For shelves and beds. Holds on boards up to 4 cm.',
  ],
  ['lamp-oil', 'Lamp oil, one litre', 'lamp', 900, 'colour=white,room=living', 'Burns without smoke or smell.'],
  [
    'clock-alarm',
    'Alarm clock, wind-up',
    'clock',
    3400,
    'colour=green,material=steel,room=bedroom',
    'No battery, no light, a bell on top.',
  ],
  [
    'clock-station',
    'Station clock',
    'clock',
    8900,
    'colour=white,material=steel,room=hall',
    'As on the platform: large figures, a red second hand that waits for the minute.',
  ],
  [
    'poster-moon',
    'Poster: map of the Moon',
    'poster',
    1500,
    'colour=grey,room=study',
    'Craters and seas with their names, 60 × 60 cm.',
  ],
  [
    'poster-birds',
    'Poster: birds of the coast',
    'poster',
    1500,
    'colour=blue,room=kitchen',
    'Forty birds, drawn from life.',
  ],
  [
    'poster-frame',
    'Frame for posters, oak',
    'poster',
    2900,
    'colour=brown,material=oak',
    'For 50 × 70 cm, with acrylic glass and a hanger.',
  ],
  [
    'record-box',
    'Record box',
    'record',
    3900,
    'colour=brown,material=plywood,room=living',
    'Holds eighty records upright.',
  ],
  [
    'record-jazz',
    'Jazz record, mono',
    'record',
    2400,
    'colour=black,material=vinyl',
    'Trio recording from one evening in a small club, never released before.',
  ],
  [
    'record-brush',
    'Brush for records',
    'record',
    1200,
    'colour=black,material=beech',
    'Carbon fibre; takes dust out of the groove and the charge with it.',
  ],
  [
    'chair',
    'Chair, ash',
    'chair',
    14900,
    'colour=natural,material=ash,room=kitchen',
    'Steam-bent back, seat of woven paper cord.',
  ],
  [
    'chair-folding',
    'Folding chair',
    'chair',
    4900,
    'colour=green,material=beech,room=garden',
    'Folds flat, hangs on a hook.',
  ],
  [
    'chair-desk',
    'Desk chair on castors',
    'chair',
    18900,
    'colour=black,material=steel,room=study',
    'Height and tilt without a lever too many.',
  ],
  [
    'stool',
    'Stool, three legs',
    'chair',
    5900,
    'colour=natural,material=oak,room=kitchen',
    'Never wobbles, because three points always stand.',
  ],
  ['armchair', 'Armchair, wool', 'chair', 39900, 'colour=grey,material=wool,room=living', 'Deep seat, washable cover.'],
  [
    'cup',
    'Cup, stoneware',
    'cup',
    1600,
    'colour=blue,material=stoneware,room=kitchen',
    'Thrown by hand, holds a quarter of a litre, goes into the dishwasher.',
  ],
  [
    'cup-espresso',
    'Espresso cups, set of four',
    'cup',
    2800,
    'colour=white,material=porcelain,room=kitchen',
    'Thick walls keep the coffee hot.',
  ],
  [
    'teapot',
    'Teapot with strainer',
    'cup',
    4200,
    'colour=black,material=iron,room=kitchen',
    'Cast iron, enamelled inside.',
  ],
  [
    'coffee-pot',
    'Café pot, enamel',
    'cup',
    3100,
    'colour=green,material=enamel,room=kitchen',
    'A crème brûlée green from the twenties, for six cups.',
  ],
  [
    'mug-camp',
    'Camp mug',
    'cup',
    1400,
    'colour=red,material=enamel,room=garden',
    'Enamelled steel with a rim that does not burn the lip.',
  ],
  [
    'blanket',
    'Blanket, lambswool',
    'blanket',
    8900,
    'colour=grey,material=wool,room=living',
    'Woven in one piece, 130 × 180 cm.',
  ],
  [
    'blanket-picnic',
    'Picnic blanket',
    'blanket',
    4500,
    'colour=red,material=wool,room=garden',
    'Backed against damp, with a strap.',
  ],
  ['pillow', 'Pillow, down', 'blanket', 5400, 'colour=white,material=cotton,room=bedroom', 'Soft, and firm enough.'],
  [
    'towel',
    'Towel, linen',
    'blanket',
    2200,
    'colour=natural,material=linen,room=bath',
    'Thin, absorbs well, dries fast.',
  ],
  [
    'bicycle',
    'City bicycle, eight gears',
    'bicycle',
    89900,
    'colour=green,material=steel',
    'Hub gears, lamp that needs no battery, chain behind a guard.',
  ],
  ['bicycle-bell', 'Bicycle bell', 'bicycle', 1800, 'colour=brass,material=brass', 'One clear tone that carries.'],
  [
    'bicycle-bag',
    'Bag for the bicycle rack',
    'bicycle',
    7400,
    'colour=grey,material=canvas',
    'Rolls up, hooks on, keeps water out.',
  ],
  [
    'knife',
    'Kitchen knife, 18 cm',
    'knife',
    9800,
    'colour=natural,material=steel,room=kitchen',
    'Carbon steel that takes an edge; wants to be dried.',
  ],
  [
    'knife-bread',
    'Bread knife',
    'knife',
    5600,
    'colour=natural,material=steel,room=kitchen',
    'Cuts crust without crushing what is under it.',
  ],
  [
    'board',
    'Cutting board, oak',
    'knife',
    3900,
    'colour=brown,material=oak,room=kitchen',
    'End grain, 40 × 28 cm, with a groove.',
  ],
  [
    'notebook',
    'Notebook, dotted',
    'book',
    1200,
    'colour=blue,material=paper,room=study',
    'Lies flat, 192 pages, thread-stitched.',
  ],
  ['pencil', 'Pencils, box of twelve', 'book', 1500, 'colour=yellow,material=cedar,room=study', 'From 4H to 6B.'],
  [
    'atlas',
    'Atlas of the night sky',
    'book',
    4800,
    'colour=blue,material=paper,room=study',
    'Charts for every month, Moon maps, and how to find your way without a lamp.',
  ],
  [
    'globe',
    'Globe, lit',
    'clock',
    11900,
    'colour=blue,material=glass,room=study',
    'Political by day; switched on, it shows the land.',
  ],
]

export function demoProducts(): DemoProduct[] {
  return ROWS.map(([id, title, kind, amount_minor, attributes, text]) => ({
    id,
    title,
    text,
    picture: `/pictures/${kind}.svg`,
    price: { amount_minor, currency: 'EUR' },
    attributes: { kind, ...Object.fromEntries(attributes.split(',').map((pair) => pair.split('='))) },
  }))
}

/** Into an empty catalogue only: what an operator has changed since stays as it is. */
export async function makeDemoProducts(stack: Stack): Promise<void> {
  const { products } = await stack.admin<{ products: unknown[] }>('GET', '/admin/products?limit=1')
  if (products.length === 0) await stack.admin('POST', '/admin/products', { products: demoProducts() })
}
