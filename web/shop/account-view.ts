// Who is buying: the corner of the page that says so, and the form to sign in.
import { signIn, signOut } from './api'
import { find, part, say, setShown, setText } from './dom'
import { REFUSAL_WORDS } from './messages'

interface AccountEvents {
  signedIn(user: string): void
  signedOut(): void
}

export class AccountView {
  private readonly dialog = find<HTMLDialogElement>(document, '#sign-in')
  private readonly form = find<HTMLFormElement>(this.dialog, 'form')
  private readonly field = find<HTMLInputElement>(this.form, 'input')
  private readonly corner = find<HTMLElement>(document, '#account')
  private afterwards: (() => void) | undefined
  private busy = false

  constructor(private readonly events: AccountEvents) {
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.submit()
    })
    part(this.dialog, 'cancel').addEventListener('click', () => this.dialog.close())
    this.dialog.addEventListener('close', () => {
      this.afterwards = undefined
    })
    part(this.corner, 'sign-in').addEventListener('click', () => this.open('', undefined))
    part(this.corner, 'sign-out').addEventListener('click', () => void this.leave())
  }

  update(user: string | undefined): void {
    setShown(part(this.corner, 'who'), user !== undefined)
    setText(part(this.corner, 'user'), user ?? '')
    setShown(part(this.corner, 'sign-in'), user === undefined)
  }

  /** `reason` is said in the form; `afterwards` is done once signed in. */
  open(reason: string, afterwards: (() => void) | undefined): void {
    if (this.dialog.open) return
    this.afterwards = afterwards
    this.fail('')
    setText(part(this.dialog, 'reason'), reason)
    setText(part(this.dialog, 'submit'), afterwards === undefined ? 'Sign in' : 'Sign in and reserve')
    this.dialog.showModal()
    this.field.focus()
  }

  private fail(text: string): void {
    setText(part(this.dialog, 'failure'), text)
    if (text === '') this.field.removeAttribute('aria-invalid')
    else this.field.setAttribute('aria-invalid', 'true')
  }

  private async submit(): Promise<void> {
    const user = this.field.value.trim()
    if (this.busy) return
    if (user === '') return this.fail('Please type a name: any name will do in this demo.')
    this.busy = true
    this.fail('')
    const answer = await signIn(user, part<HTMLInputElement>(this.dialog, 'note').value)
    this.busy = false
    if (answer.kind === 'ok') {
      const { afterwards } = this
      this.dialog.close()
      this.events.signedIn(user)
      say(`Signed in as ${user}.`)
      afterwards?.()
      return
    }
    if (answer.kind === 'lost') return this.fail('The shop did not answer. Check your connection and try again.')
    const words = REFUSAL_WORDS[answer.refusal.code]
    const wait_s = Math.ceil((answer.refusal.retry_after_ms ?? 0) / 1000)
    this.fail(`${words.title}. ${wait_s > 0 ? `Please try again in ${wait_s} s.` : words.text}`)
  }

  private async leave(): Promise<void> {
    // even when the shop cannot be told: this device forgets who it was
    await signOut()
    this.events.signedOut()
    say('Signed out.')
  }
}
