// Memory that nginx' workers share, by the names that nginx.conf gives it.

export function requiredDict<V extends ngx.SharedValue>(name: string): ngx.SharedDict<V> {
  const dict = ngx.shared[name]
  if (dict === undefined) error('nginx.conf: lua_shared_dict ' + name + ' is missing', 0)
  return dict as ngx.SharedDict<V>
}
