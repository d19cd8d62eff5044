// Which of the backend's roles a forwarded request goes to. A new route names its role here, or nothing compiles.
import type { ApiRole } from '../../../contract/api-role'
import type { RouteName } from './route'

const ROLE_OF: Record<RouteName, ApiRole> = {
  login: 'user',
  logout: 'user',
  history: 'user',
  forget_history: 'user',
  visit: 'user',
  sales: 'product',
  draw: 'product',
  item: 'product',
  search: 'product',
  cart: 'order',
  reservation: 'order',
  give_back: 'order',
  pay: 'transaction',
  webhook: 'transaction',
  sandbox: 'transaction',
  // the gate answers these itself
  state: 'operations',
  challenge: 'operations',
  take_ticket: 'operations',
  ticket: 'operations',
  reserve: 'operations',
  trap: 'operations',
}

export function apiRoleOfRoute(name: RouteName): ApiRole {
  return ROLE_OF[name]
}
