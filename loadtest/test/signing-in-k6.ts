// Run by signing.spec.ts in k6: prints what the known requests are signed with.
import { b64encode } from 'k6/encoding'
import { ID_KEY, SIGNATURES } from '../../contract/test-vectors.ts'
import { signatureOf } from '../scenarios/signing.ts'

export default function print(): void {
  const key = b64encode(ID_KEY, 'rawurl')
  console.log(JSON.stringify(SIGNATURES.map((vector) => signatureOf(key, vector))))
}
