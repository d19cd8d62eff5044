// Constructs that mean another thing in Lua than in Node, or cost too much there. Each finding names what to use instead.
//
// "Both" is code that runs in Node and in LuaJIT: contract/ and edge/src/{domain,kernel,plugins}. "Edge" is all of edge/src.
import ts from 'typescript'
import { type Finding, isSpec, isTypeScript, type SourceFile } from './files'

const BOTH = /^(contract|edge\/src\/(domain|kernel|plugins))\//
const EDGE = /^(contract|edge\/src)\//
const RIM = /^edge\/src\/(adapters\/|main\.ts$)/
/** made for tools, in Node only, and not part of the bundle */
const NODE_ONLY = /^edge\/src\/kernel\/schema-docs\.ts$/

const BANNED_NAMES: Record<string, string> = {
  Map: 'a record (LuaMap in adapters/)',
  Set: 'a record of true (LuaSet in adapters/)',
  WeakMap: 'a field of the object itself',
  WeakSet: 'a field of the object itself',
  Promise: 'straight code: cosockets already wait without blocking',
  Date: 'a time in ms, handed in',
  JSON: 'the port that parses or writes it',
  Symbol: 'a text',
  Proxy: 'a function',
  Reflect: 'a function',
  BigInt: 'text, or two numbers',
}

interface Ban {
  where: 'both' | 'edge'
  what: string
  instead: string
}

const BANNED_KINDS = new Map<ts.SyntaxKind, Ban>([
  [ts.SyntaxKind.NullKeyword, { where: 'both', what: 'null', instead: 'undefined: Lua has only nil' }],
  [
    ts.SyntaxKind.RegularExpressionLiteral,
    {
      where: 'edge',
      what: 'a regular expression',
      instead: 'a loop over characters (string.match in adapters/): Lua has none',
    },
  ],
  [ts.SyntaxKind.SpreadElement, { where: 'both', what: 'spread', instead: 'a loop' }],
  [
    ts.SyntaxKind.SpreadAssignment,
    { where: 'edge', what: 'object spread', instead: 'a record built whole: it copies through lualib' },
  ],
  [
    ts.SyntaxKind.TryStatement,
    {
      where: 'edge',
      what: 'try',
      instead: 'a refusal as a value; pcall(f, x) in adapters/: it costs closures and ends the trace',
    },
  ],
  [
    ts.SyntaxKind.ThrowStatement,
    {
      where: 'edge',
      what: 'throw',
      instead: 'a refusal as a value; error(text, 0) in adapters/ for what must stop the start',
    },
  ],
  [
    ts.SyntaxKind.AwaitExpression,
    { where: 'edge', what: 'await', instead: 'straight code: cosockets already wait without blocking' },
  ],
  [
    ts.SyntaxKind.AsyncKeyword,
    { where: 'edge', what: 'async', instead: 'straight code: cosockets already wait without blocking' },
  ],
  [ts.SyntaxKind.YieldExpression, { where: 'edge', what: 'a generator', instead: 'a loop' }],
  [
    ts.SyntaxKind.GetAccessor,
    {
      where: 'edge',
      what: 'a getter',
      instead: 'a method: one accessor makes every call on the class about 50 times slower',
    },
  ],
  [
    ts.SyntaxKind.SetAccessor,
    {
      where: 'edge',
      what: 'a setter',
      instead: 'a method: one accessor makes every call on the class about 50 times slower',
    },
  ],
  [
    ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken,
    { where: 'edge', what: '>>>', instead: 'arithmetic: in Lua its result is signed' },
  ],
  [ts.SyntaxKind.DeleteExpression, { where: 'edge', what: 'delete', instead: 'assigning undefined' }],
])

/** Lua takes 0 and '' for true. */
function hasFalsyTruth(type: ts.Type): boolean {
  if (type.isUnion()) return type.types.some(hasFalsyTruth)
  if (type.isStringLiteral()) return type.value === ''
  if (type.isNumberLiteral()) return type.value === 0
  return (type.flags & (ts.TypeFlags.StringLike | ts.TypeFlags.NumberLike)) !== 0
}

/** Expressions whose truth is asked. */
function conditionsOf(node: ts.Node): ts.Expression[] {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return [node.expression]
  if (ts.isConditionalExpression(node)) return [node.condition]
  if (ts.isForStatement(node) && node.condition) return [node.condition]
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) return [node.operand]
  if (ts.isBinaryExpression(node)) {
    const operator = node.operatorToken.kind
    if (operator === ts.SyntaxKind.AmpersandAmpersandToken || operator === ts.SyntaxKind.BarBarToken) return [node.left]
  }
  return []
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
}

/** `checker` is needed for the rule about truth only. */
export function bannedConstructs(path: string, source: ts.SourceFile, checker?: ts.TypeChecker): Finding[] {
  if (!EDGE.test(path) || isSpec(path) || NODE_ONLY.test(path)) return []
  const both = BOTH.test(path)
  const findings: Finding[] = []
  const say = (node: ts.Node, what: string, instead: string): void => {
    findings.push({ path, line: lineOf(source, node), message: `uses ${what}: use ${instead}` })
  }
  const visit = (node: ts.Node): void => {
    const ban = BANNED_KINDS.get(node.kind)
    if (ban && (both || ban.where === 'edge')) say(node, ban.what, ban.instead)
    if (ts.isIdentifier(node)) checkName(node)
    if (ts.isParameter(node) && node.dotDotDotToken && both && !isInType(node)) {
      say(node, 'a rest parameter', 'fixed parameters, or an array')
    }
    if (isGenerator(node)) say(node, 'a generator', 'a loop')
    if (ts.isVariableStatement(node) && isExportedLet(node)) {
      say(node, 'an exported let', 'a function that returns it: importers copy the value it had when they were loaded')
    }
    if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text.endsWith('Error')) {
      say(node, `new ${node.expression.text}`, 'a refusal as a value: building an error takes 1.3 µs')
    }
    if (ts.isCallExpression(node) && node.arguments.length === 0 && ts.isPropertyAccessExpression(node.expression)) {
      if (node.expression.name.text === 'sort') say(node, 'sort() without a comparator', 'one: Lua and Node disagree')
    }
    if (both && checker) {
      for (const condition of conditionsOf(node)) {
        if (hasFalsyTruth(checker.getTypeAtLocation(condition))) {
          say(
            condition,
            `the truth of a text or number (${condition.getText(source)})`,
            "a comparison: 0 and '' are true in Lua",
          )
        }
      }
    }
    ts.forEachChild(node, visit)
  }
  const checkName = (node: ts.Identifier): void => {
    const parent = node.parent
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) return
    if (isDeclaredName(node)) return
    const instead = BANNED_NAMES[node.text]
    if (instead !== undefined && (both || /^(Map|Set|Date|JSON|Promise)$/.test(node.text)))
      say(node, node.text, instead)
    if (node.text === 'ngx' && !RIM.test(path))
      say(node, 'ngx', 'a port: only adapters/ and main.ts know that nginx exists')
    if (both && /^(Lua[A-Z]\w*|\$multi|\$range|\$vararg)$/.test(node.text)) {
      say(node, node.text, 'plain TypeScript: this code runs in Node too')
    }
  }
  visit(source)
  return findings
}

/** Names of members and parameters are ours to choose. */
function isDeclaredName(node: ts.Identifier): boolean {
  const parent = node.parent
  return (
    (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodSignature(parent)) &&
    parent.name === node
  )
}

function isInType(node: ts.Node): boolean {
  return (
    ts.isFunctionTypeNode(node.parent) ||
    ts.isMethodSignature(node.parent) ||
    ts.isCallSignatureDeclaration(node.parent)
  )
}

function isGenerator(node: ts.Node): boolean {
  return (
    (ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isMethodDeclaration(node)) &&
    !!node.asteriskToken
  )
}

function isExportedLet(node: ts.VariableStatement): boolean {
  const exported = node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false
  return exported && (node.declarationList.flags & ts.NodeFlags.Const) === 0
}

const FUNCTION_LINES_MAX = 80

/**
 * A function's own lines: those of functions inside it are counted there. It may be longer when the comment above it says
 * "long because …". Specs' describe blocks are lists, not functions.
 */
export function longFunctions(file: SourceFile): Finding[] {
  if (!isTypeScript(file.path) || isSpec(file.path)) return []
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ESNext, true)
  const findings: Finding[] = []
  const linesOf = (node: ts.Node): number =>
    source.getLineAndCharacterOfPosition(node.end).line +
    1 -
    source.getLineAndCharacterOfPosition(node.getStart(source)).line
  const visit = (node: ts.Node): number => {
    let inside = 0
    ts.forEachChild(node, (child) => {
      inside += visit(child)
    })
    if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return inside
    const own = linesOf(node) - inside
    const above = source.text.slice(node.getFullStart(), node.getStart(source))
    if (own > FUNCTION_LINES_MAX && !/\blong because\b/.test(above)) {
      const message = `a function of ${own} lines of its own (${FUNCTION_LINES_MAX} at most): split it, or say above it "long because …"`
      findings.push({ path: file.path, line: lineOf(source, node), message })
    }
    // one on a single line takes nothing from the line it stands on
    return linesOf(node) - 1
  }
  visit(source)
  return findings
}

/** A program of the code that runs in both, for the rule about truth. */
export function bothProgram(root: string, files: SourceFile[]): ts.Program {
  const config = ts.readConfigFile(`${root}tsconfig.backend.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config.config, include: [], files: [] }, ts.sys, root)
  const names = files.filter((file) => BOTH.test(file.path) && isTypeScript(file.path) && !isSpec(file.path))
  return ts.createProgram(
    names.map((file) => root + file.path),
    options,
  )
}
