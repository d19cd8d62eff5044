// What was found, as a page that needs no script: filters and pages are links, so that every state of it has an address.
import { type Html, html } from '../../http/html'
import { pageText, priceText } from '../../http/page'
import { AMOUNT_MAX, PAGE_SIZE_DEFAULT, type SearchQuery } from './query'
import type { ShownAnswer, ShownProduct } from './routes'

const SORT_WORDS: [sort: SearchQuery['sort'], words: string][] = [
  ['relevance', 'Best match'],
  ['price', 'Cheapest first'],
  ['-price', 'Dearest first'],
  ['title', 'By name'],
]
/** of one attribute; its further values are found by searching for them */
const VALUES_SHOWN_MAX = 8

function addressOf(query: SearchQuery, change: Partial<SearchQuery>): string {
  const { q, attributes, currency, price_min, price_max, on_sale, in_stock, sort, page, size } = {
    ...query,
    page: 1,
    ...change,
  }
  const parameters = new URLSearchParams({ q })
  for (const [name, values] of attributes) for (const value of values) parameters.append('attr', `${name}:${value}`)
  if (currency !== '') parameters.set('currency', currency)
  if (price_min !== 0) parameters.set('price_min', String(price_min))
  if (price_max !== AMOUNT_MAX) parameters.set('price_max', String(price_max))
  if (on_sale) parameters.set('on_sale', '1')
  if (in_stock) parameters.set('in_stock', '1')
  if (sort !== 'relevance') parameters.set('sort', sort)
  if (page !== 1) parameters.set('page', String(page))
  if (size !== PAGE_SIZE_DEFAULT) parameters.set('size', String(size))
  return `/search?${parameters}`
}

function toggled(attributes: SearchQuery['attributes'], name: string, value: string): SearchQuery['attributes'] {
  const next = new Map([...attributes].map(([each, values]) => [each, new Set(values)]))
  const values = next.get(name) ?? new Set()
  if (!values.delete(value)) values.add(value)
  if (values.size === 0) next.delete(name)
  else next.set(name, values)
  return next
}

function choice(address: string, words: Html | string, is_chosen: boolean): Html {
  return html`<li><a href="${address}"${is_chosen && html` aria-current="true"`}>${words}</a></li>
`
}

function choices(title: string, lines: Html[]): Html {
  return html`<section><h2>${title}</h2><ul>
${lines}</ul></section>
`
}

function filters({ query, facets }: ShownAnswer): Html {
  const names = [...new Set([...query.attributes.keys(), ...facets.map(({ name }) => name)])]
  const of_name = (name: string): Html => {
    const chosen = query.attributes.get(name) ?? new Set<string>()
    const counted = facets.filter((facet) => facet.name === name)
    const gone = [...chosen].filter((value) => !counted.some((facet) => facet.value === value))
    const lines = [...gone.map((value) => ({ value, count: 0 })), ...counted.slice(0, VALUES_SHOWN_MAX)]
    return choices(
      name,
      lines.map(({ value, count }) =>
        choice(
          addressOf(query, { attributes: toggled(query.attributes, name, value) }),
          html`${value} <span class="soft">${count}</span>`,
          chosen.has(value),
        ),
      ),
    )
  }
  return html`<nav class="narrow" aria-label="Narrow the search">
${choices('Now', [
  choice(addressOf(query, { on_sale: !query.on_sale }), 'On sale', query.on_sale),
  choice(addressOf(query, { in_stock: !query.in_stock }), 'In stock', query.in_stock),
])}${choices(
  'Order',
  SORT_WORDS.map(([sort, words]) => choice(addressOf(query, { sort }), words, query.sort === sort)),
)}${names.map(of_name)}</nav>`
}

function card({ product, on_sale, in_stock, offer }: ShownProduct): Html {
  const { id, title, picture, price } = product
  const now =
    on_sale &&
    (in_stock === false
      ? html`<span class="now gone">On sale · all taken just now</span>`
      : html`<span class="now">On sale now</span>`)
  return html`<li class="product">
${picture === '' ? html`<span class="blank"></span>` : html`<img src="${picture}" alt="" width="240" height="240" loading="lazy">`}
<h3><a href="/web/item/${id}">${title}</a></h3>
<p class="cost">${priceText(offer?.price ?? price)}</p>
${now}</li>
`
}

function pages({ query, pages: last }: ShownAnswer): Html | false {
  const { page } = query
  if (last < 2) return false
  return html`<nav class="pages" aria-label="Pages">
${page > 1 && html`<a href="${addressOf(query, { page: page - 1 })}" rel="prev">Back</a>`}
<span class="soft">Page ${page} of ${last}</span>
${page < last && html`<a href="${addressOf(query, { page: page + 1 })}" rel="next">Further</a>`}
</nav>`
}

function headline({ query, total }: ShownAnswer): string {
  const things = total === 1 ? '1 product' : `${total.toLocaleString('en')} products`
  return query.q.trim() === '' ? things : `${things} for “${query.q.trim()}”`
}

export function searchPage(answer: ShownAnswer): string {
  const { query, products, fallback } = answer
  const main = html`<h1>${headline(answer)}</h1>
${fallback && html`<p class="soft small">The search engine is away; what you see comes straight from the shop’s records.</p>`}
<div class="found">
<div>
${
  products.length === 0
    ? html`<p>Nothing was found. Fewer words or fewer filters find more.</p>`
    : html`<ul class="products">
${products.map(card)}</ul>`
}
${pages(answer)}
</div>
${filters(answer)}</div>`
  const title = query.q.trim() === '' ? 'Products' : `Search: ${query.q.trim()}`
  return pageText({ title, query: query.q, main })
}
