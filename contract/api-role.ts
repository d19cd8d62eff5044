// The services that take requests, as roles of the backend that can run apart: which process of it serves which paths.

export type ApiRole = 'user' | 'product' | 'order' | 'transaction' | 'operations'

/** operations: what operators and gates ask for */
export const API_ROLES: readonly ApiRole[] = ['user', 'product', 'order', 'transaction', 'operations']
