// Four of JavaScript's text functions, emitted as the call to Lua's own that one would write by hand.
//
// The compiler calls helpers of its library instead, which get every corner of JavaScript right. LuaJIT cannot compile a small
// function that returns to code it interprets; it gives up on it after some tries, and from then on on everything that
// calls it: measured, a purchase's Lua cost about a tenth more with the helpers. So code of the gate keeps out of the corners:
//
//   text.substring(from, to)   0 ≤ from ≤ to
//   text.indexOf(part, from)   0 ≤ from
//   text.charCodeAt(at)        0 ≤ at; NaN past the end, as in JavaScript
//   Number(text)               '' and blanks are NaN here, and 0 in JavaScript
//
// Only plain arguments are rewritten (names, fields, literals, sums of them): when they are evaluated cannot matter.
//
// And a result of what is not written in TypeScript is returned as `return (f(x))`, not by a tail call: a function that ends in a
// tail call of a built-in is what LuaJIT cannot begin a trace with ("leaving loop in root trace"). After some tries it gives up on
// that function, and on whatever calls it: measured, on every purchase's and most refusals' way (bench/README.md).
import ts from 'typescript'
import * as lua from 'typescript-to-lua'

function isText(context: lua.TransformationContext, node: ts.Expression): boolean {
  const type = context.checker.getTypeAtLocation(node)
  const parts = type.isUnion() ? type.types : [type]
  return parts.every((part) => (part.flags & ts.TypeFlags.StringLike) !== 0)
}

function isPlain(node: ts.Expression): boolean {
  if (ts.isIdentifier(node) || ts.isStringLiteral(node) || ts.isNumericLiteral(node)) return true
  if (ts.isPropertyAccessExpression(node) || ts.isAsExpression(node) || ts.isParenthesizedExpression(node)) {
    return isPlain(node.expression)
  }
  if (!ts.isBinaryExpression(node)) return false
  const { kind } = node.operatorToken
  const is_sum = kind === ts.SyntaxKind.PlusToken || kind === ts.SyntaxKind.MinusToken
  return is_sum && isPlain(node.left) && isPlain(node.right)
}

/** expression + n, folded into what is there. */
function plus(expression: lua.Expression, n: number): lua.Expression {
  if (lua.isNumericLiteral(expression)) return lua.createNumericLiteral(expression.value + n)
  if (lua.isBinaryExpression(expression) && lua.isNumericLiteral(expression.right)) {
    const { left, right, operator } = expression
    if (operator === lua.SyntaxKind.AdditionOperator) return sum(left, right.value + n)
    if (operator === lua.SyntaxKind.SubtractionOperator) return sum(left, n - right.value)
  }
  return sum(expression, n)
}

function sum(expression: lua.Expression, n: number): lua.Expression {
  if (n === 0) return expression
  const operator = n > 0 ? lua.SyntaxKind.AdditionOperator : lua.SyntaxKind.SubtractionOperator
  return lua.createBinaryExpression(expression, lua.createNumericLiteral(Math.abs(n)), operator)
}

function callOfString(name: string, args: lua.Expression[], node: ts.Node): lua.Expression {
  const library = lua.createIdentifier('string')
  return lua.createCallExpression(lua.createTableIndexExpression(library, lua.createStringLiteral(name)), args, node)
}

function or(expression: lua.Expression, otherwise: lua.Expression): lua.Expression {
  return lua.createBinaryExpression(expression, otherwise, lua.SyntaxKind.OrOperator)
}

function notANumber(): lua.Expression {
  const zero = lua.createNumericLiteral(0)
  return lua.createBinaryExpression(zero, lua.createNumericLiteral(0), lua.SyntaxKind.DivisionOperator)
}

/** undefined: not one of the four, or not plain enough. */
function direct(node: ts.CallExpression, context: lua.TransformationContext): lua.Expression | undefined {
  const [first, second] = node.arguments
  if (!first || node.arguments.length > 2) return undefined
  const at = (argument: ts.Expression): lua.Expression => context.transformExpression(argument)
  if (ts.isIdentifier(node.expression)) {
    if (node.expression.text !== 'Number' || second || !isText(context, first)) return undefined
    return or(lua.createCallExpression(lua.createIdentifier('tonumber'), [at(first)], node), notANumber())
  }
  if (!ts.isPropertyAccessExpression(node.expression) || !node.arguments.every(isPlain)) return undefined
  const { expression: text, name } = node.expression
  if (!isText(context, text)) return undefined
  if (name.text === 'substring') {
    return callOfString('sub', [at(text), plus(at(first), 1), ...(second ? [at(second)] : [])], node)
  }
  if (name.text === 'charCodeAt') return or(callOfString('byte', [at(text), plus(at(first), 1)], node), notANumber())
  if (name.text === 'indexOf') {
    const from = second ? plus(at(second), 1) : lua.createNumericLiteral(1)
    const found = callOfString('find', [at(text), at(first), from, lua.createBooleanLiteral(true)], node)
    return sum(lua.createParenthesizedExpression(or(found, lua.createNumericLiteral(0))), -1)
  }
  return undefined
}

function isReturned(node: ts.CallExpression): boolean {
  if (node.questionDotToken !== undefined) return false
  // a node that the compiler made has none
  const parent = node.parent as ts.Node | undefined
  if (parent === undefined) return false
  return ts.isReturnStatement(parent) || (ts.isArrowFunction(parent) && parent.body === node)
}

/** Lua's, LuaJIT's or nginx' own: declared, and nothing of ours. */
function isForeign(node: ts.CallExpression, context: lua.TransformationContext): boolean {
  const declaration = context.checker.getResolvedSignature(node)?.declaration
  return declaration?.getSourceFile().isDeclarationFile === true
}

/** Parentheses would cut off all results but the first. */
function hasOneResult(node: ts.CallExpression, context: lua.TransformationContext): boolean {
  const type = context.checker.getTypeAtLocation(node)
  const parts = type.isUnion() ? type.types : [type]
  return (
    parts.every((part) => part.aliasSymbol?.name !== 'LuaMultiReturn') && type.aliasSymbol?.name !== 'LuaMultiReturn'
  )
}

function transformCall(node: ts.CallExpression, context: lua.TransformationContext): lua.Expression {
  const call = direct(node, context) ?? context.superTransformExpression(node)
  if (!lua.isCallExpression(call) || !isReturned(node)) return call
  return isForeign(node, context) && hasOneResult(node, context) ? lua.createParenthesizedExpression(call) : call
}

export const directCalls: lua.Visitors = { [ts.SyntaxKind.CallExpression]: transformCall }
