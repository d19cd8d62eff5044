// Which of the backend's roles a forwarded request goes to. What the gate answers itself never gets here.
import type { ApiRole } from '../../../contract/api-role'
import type { RouteName } from './route'

export function apiRoleOfRoute(name: RouteName): ApiRole {
  if (name === 'login' || name === 'logout') return 'user'
  if (name === 'sales' || name === 'draw' || name === 'item') return 'product'
  if (name === 'cart' || name === 'reservation' || name === 'give_back') return 'order'
  if (name === 'pay' || name === 'webhook' || name === 'sandbox') return 'transaction'
  return 'operations'
}
