import { describe, expect, it } from 'vitest'
import {
  type Address,
  addressText,
  clientAddress,
  isInNetwork,
  type Network,
  networkOf,
  networkText,
  parseAddress,
  parseNetwork,
  prefixText,
} from './address'

function canonical(text: string): string {
  const address = parseAddress(text)
  return address === undefined ? 'none' : addressText(address)
}

function network(text: string): Network {
  return parseNetwork(text) as Network
}

function prefix(text: string, bits: number): string {
  return prefixText(parseAddress(text) as Address, bits)
}

function networkAround(text: string, bits: number): string {
  const around = networkOf(parseAddress(text) as Address, bits)
  return around === undefined ? 'none' : networkText(around)
}

describe('addresses', () => {
  it('have a network of each length, written with its length', () => {
    expect(networkAround('192.0.2.77', 32)).toBe('192.0.2.77/32')
    expect(networkAround('192.0.2.77', 25)).toBe('192.0.2.0/25')
    expect(networkAround('192.0.2.77', 0)).toBe('0.0.0.0/0')
    expect(networkAround('192.0.2.77', 48)).toBe('none')
    expect(networkAround('2001:db8:1:2:3::4', 48)).toBe('2001:db8:1::/48')
    expect(networkAround('2001:db8:1:2:3::4', 128)).toBe('2001:db8:1:2:3::4/128')
    expect(networkText(network('::ffff:10.0.0.0/104'))).toBe('10.0.0.0/8')
  })

  it('are read and written in one canonical way', () => {
    expect(canonical('192.0.2.7')).toBe('192.0.2.7')
    expect(canonical('255.255.255.255')).toBe('255.255.255.255')
    expect(canonical('2001:DB8:0:0:0:0:0:1')).toBe('2001:db8::1')
    expect(canonical('2001:db8::1')).toBe('2001:db8::1')
    expect(canonical('::')).toBe('::')
    expect(canonical('::1')).toBe('::1')
    expect(canonical('fe80::')).toBe('fe80::')
    expect(canonical('1:0:2:0:0:3:0:0')).toBe('1:0:2::3:0:0')
    expect(canonical('1:0:0:2:0:0:0:3')).toBe('1:0:0:2::3')
    expect(canonical('0:1:2:3:4:5:6:7')).toBe('0:1:2:3:4:5:6:7')
    expect(canonical('1:2:3:4:5:6:7::')).toBe('1:2:3:4:5:6:7:0')
    expect(canonical('64:ff9b::192.0.2.33')).toBe('64:ff9b::c000:221')
  })

  it('of IPv4 written as IPv6 are IPv4', () => {
    expect(canonical('::ffff:192.0.2.7')).toBe('192.0.2.7')
    expect(canonical('::FFFF:c000:0207')).toBe('192.0.2.7')
  })

  it('that are none are none', () => {
    const wrong = ['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.-4', '1.2.3.4 ', ' 1.2.3.4', '1..2.3']
    for (const text of wrong) expect(canonical(text)).toBe('none')
    const six = [
      ':',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '12345::',
      'g::',
      '::1%eth0',
      '1:2:3:4:5:6:7:8::',
    ]
    for (const text of six) expect(canonical(text)).toBe('none')
    for (const text of ['1.2.3.4::', '::1.2.3', '::1.2.3.4:5', '1:2:3:4:5:6:7:1.2.3.4', '\x00', 'ä', '[::1]']) {
      expect(canonical(text)).toBe('none')
    }
    let long = '1'
    while (long.length < 5000) long = long + ':1'
    expect(canonical(long)).toBe('none')
  })
})

describe('networks', () => {
  it('hold what shares their prefix', () => {
    const ten = network('10.0.0.0/8')
    expect(isInNetwork(parseAddress('10.255.3.4') as Address, ten)).toBe(true)
    expect(isInNetwork(parseAddress('11.0.0.0') as Address, ten)).toBe(false)
    expect(isInNetwork(parseAddress('::ffff:10.1.2.3') as Address, ten)).toBe(true)
    expect(isInNetwork(parseAddress('a00::') as Address, ten)).toBe(false)
    expect(isInNetwork(parseAddress('192.0.2.129') as Address, network('192.0.2.128/25'))).toBe(true)
    expect(isInNetwork(parseAddress('192.0.2.127') as Address, network('192.0.2.128/25'))).toBe(false)
    expect(isInNetwork(parseAddress('2001:db8:ffff::1') as Address, network('2001:db8::/32'))).toBe(true)
    expect(isInNetwork(parseAddress('2001:db9::1') as Address, network('2001:db8::/32'))).toBe(false)
    expect(isInNetwork(parseAddress('9.9.9.9') as Address, network('0.0.0.0/0'))).toBe(true)
    expect(isInNetwork(parseAddress('192.0.2.7') as Address, network('192.0.2.7'))).toBe(true)
    expect(isInNetwork(parseAddress('10.1.2.3') as Address, network('::ffff:10.0.0.0/104'))).toBe(true)
  })

  it('that are none are none', () => {
    for (const text of [
      '',
      '/8',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/8x',
      '10.0.0.1/8',
      '::/129',
      '10/8',
      '::1/64',
      '10.0.0.0/-1',
    ]) {
      expect(parseNetwork(text)).toBeUndefined()
    }
  })

  it('give the keys that addresses are counted under', () => {
    expect(prefix('2001:db8:1:2:3:4:5:6', 64)).toBe('2001:db8:1:2::/64')
    expect(prefix('2001:db8:1:2:3:4:5:6', 48)).toBe('2001:db8:1::/48')
    expect(prefix('2001:db8:1:2:3:4:5:6', 52)).toBe('2001:db8:1::/52')
    expect(prefix('192.0.2.7', 24)).toBe('192.0.2.0/24')
    expect(prefix('192.0.2.7', 64)).toBe('192.0.2.7')
  })
})

describe('clientAddress', () => {
  const trusted = [network('10.0.0.0/8'), network('fd00::/8')]

  function forwarded(peer: string, word: string): string {
    return clientAddress(peer, word, 'x_forwarded_for', trusted)
  }

  it('believes nobody who is not trusted', () => {
    expect(forwarded('192.0.2.1', '1.2.3.4')).toBe('192.0.2.1')
    expect(clientAddress('192.0.2.1', '1.2.3.4', 'x_real_ip', trusted)).toBe('192.0.2.1')
    expect(clientAddress('192.0.2.1', '1.2.3.4', 'x_forwarded_for', [])).toBe('192.0.2.1')
    expect(clientAddress('unix:', '1.2.3.4', 'x_forwarded_for', trusted)).toBe('unix:')
  })

  it('reads from the right, past trusted proxies only', () => {
    expect(forwarded('10.0.0.1', '192.0.2.9')).toBe('192.0.2.9')
    expect(forwarded('10.0.0.1', '6.6.6.6, 192.0.2.9')).toBe('192.0.2.9')
    expect(forwarded('10.0.0.1', '6.6.6.6,192.0.2.9 , 10.0.0.2,\t10.0.0.3')).toBe('192.0.2.9')
    expect(forwarded('10.0.0.1', '10.0.0.9, 10.0.0.2')).toBe('10.0.0.9')
    expect(forwarded('::ffff:10.0.0.1', '2001:DB8::5, fd00::2')).toBe('2001:db8::5')
  })

  it('takes ports and brackets off', () => {
    expect(forwarded('10.0.0.1', '192.0.2.9:5000')).toBe('192.0.2.9')
    expect(forwarded('10.0.0.1', '[2001:db8::5]:5000')).toBe('2001:db8::5')
    expect(clientAddress('10.0.0.1', ' [2001:db8::5] ', 'x_real_ip', trusted)).toBe('2001:db8::5')
  })

  it('ends at the last it can believe when a hop is no address', () => {
    for (const word of ['unknown', '', ',', '6.6.6.6,', '6.6.6.6, evil', '[::1', '\x00', ', , ,']) {
      expect(forwarded('10.0.0.1', word)).toBe('10.0.0.1')
    }
    expect(forwarded('10.0.0.1', '6.6.6.6, evil, 10.0.0.2')).toBe('10.0.0.2')
    let long = '10.0.0.2'
    for (let i = 0; i < 1000; i++) long = long + ', 10.0.0.2'
    expect(forwarded('10.0.0.1', '6.6.6.6, ' + long)).toBe('10.0.0.2')
    expect(clientAddress('10.0.0.1', '1.2.3.4, 5.6.7.8', 'x_real_ip', trusted)).toBe('10.0.0.1')
  })
})
