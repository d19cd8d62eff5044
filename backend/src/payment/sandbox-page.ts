// The sandbox provider's page: plain HTML and a form, no script.
import { createHash } from 'node:crypto'
import { escapeHtml } from '../http/html'
import type { Decided, SandboxSession } from './sandbox-store'

const STYLE = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}
button{display:block;width:100%;margin:.5rem 0;padding:.75rem;font:inherit;cursor:pointer}`

const CHOICES: [outcome: string, label: string][] = [
  ['success', 'Pay'],
  ['failure', 'Let the payment fail'],
  ['late_success', 'Pay, but so that it arrives after the hold has run out'],
  ['replay', 'Pay, and send the notice twice'],
  ['wrong_amount', 'Pay a wrong amount'],
]

/** The page's own policy; `return_origin` is where the form's answer may redirect to. */
export function contentSecurityPolicy(return_origin: string): string {
  const style = createHash('sha256').update(STYLE).digest('base64')
  return [
    "default-src 'none'",
    `style-src 'sha256-${style}'`,
    `form-action 'self' ${return_origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function amount({ amount_minor, currency }: SandboxSession): string {
  const digits =
    new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  return `${(amount_minor / 10 ** digits).toFixed(digits)} ${currency}`
}

export function sandboxPage(session: SandboxSession, decided: Decided | undefined): string {
  const body =
    decided === undefined
      ? `<form method="post">${CHOICES.map(
          ([outcome, label]) => `<button name="outcome" value="${outcome}">${label}</button>`,
        ).join('')}</form>`
      : `<p>This payment has ended: <strong>${escapeHtml(decided.outcome.replace('_', ' '))}</strong>.</p>`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox payment</title><style>${STYLE}</style></head>
<body><main>
<h1>Sandbox payment</h1>
<p>No money moves here.</p>
<p>${escapeHtml(session.reference)}<br><strong>${escapeHtml(amount(session))}</strong></p>
${body}
<p><a href="${escapeHtml(session.return_url)}">Back to the shop</a></p>
</main></body>
</html>
`
}
