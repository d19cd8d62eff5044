// How compiled Lua is printed: as one would write it, because the operator reads it at three in the morning.
//
// Texts joined by + become one `a .. b .. c`. The compiler prints ((a .. b) .. c), which makes (and hashes) every text in
// between: Lua's .. is right-associative and joins any number of texts in one instruction. Short lists of arguments stay on
// one line. Neither changes what the code means. Four text functions are called directly (lua-calls.ts).
import * as lua from 'typescript-to-lua'
import { directCalls } from './lua-calls'

const LINE_MAX = 100

class ReadablePrinter extends lua.LuaPrinter {
  override printBinaryExpression(
    expression: lua.BinaryExpression,
  ): ReturnType<lua.LuaPrinter['printBinaryExpression']> {
    if (isTextOfNumber(expression)) return this.printExpression(expression.right)
    return super.printBinaryExpression(rightAssociative(expression))
  }

  protected override printExpressionList(
    expressions: lua.Expression[],
  ): ReturnType<lua.LuaPrinter['printExpressionList']> {
    const printed = expressions.map((expression) => this.printExpression(expression))
    const texts = printed.map((node) => node.toString())
    const length = texts.reduce((sum, text) => sum + text.length + 2, this.currentIndent.length)
    if (length > LINE_MAX || texts.some((text) => text.includes('\n'))) return super.printExpressionList(expressions)
    return this.joinChunksWithComma(printed)
  }
}

/** '' + n is how TypeScript says tostring(n). */
function isTextOfNumber(expression: lua.BinaryExpression): boolean {
  const { left, right } = expression
  if (!isConcat(expression) || !lua.isStringLiteral(left) || left.value !== '' || !lua.isCallExpression(right))
    return false
  return lua.isIdentifier(right.expression) && right.expression.text === 'tostring'
}

function isConcat(expression: lua.Expression): expression is lua.BinaryExpression {
  return lua.isBinaryExpression(expression) && expression.operator === lua.SyntaxKind.ConcatOperator
}

/** (a .. b) .. c → a .. (b .. c); the operands are evaluated in the same order. */
function rightAssociative(expression: lua.BinaryExpression): lua.BinaryExpression {
  if (!isConcat(expression) || !isConcat(expression.left)) return expression
  const { left, right } = expression
  return rightAssociative(lua.createBinaryExpression(left.left, join(left.right, right), lua.SyntaxKind.ConcatOperator))
}

function join(left: lua.Expression, right: lua.Expression): lua.BinaryExpression {
  return lua.createBinaryExpression(left, right, lua.SyntaxKind.ConcatOperator)
}

/** For `luaPlugins` of the compiler's options. */
export const readableLua: lua.Plugin = {
  visitors: directCalls,
  printer: (program, host, file_name, file) => new ReadablePrinter(host, program, file_name).print(file),
}
