import ts from "typescript";

/** What built declaration files export: by file, one `value name` or `type  name` a line, in name order. */
export function exportsOf(files: readonly string[]): ReadonlyMap<string, string> {
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    skipLibCheck: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  return new Map(
    files.map((file) => {
      const source = program.getSourceFile(file);
      const symbol = source && checker.getSymbolAtLocation(source);
      if (symbol === undefined) throw new Error(`${file} is not a module`);
      const lines = checker.getExportsOfModule(symbol).map((one) => {
        const target = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
        return `${target.flags & ts.SymbolFlags.Value ? "value" : "type "} ${one.name}`;
      });
      return [file, `${lines.sort((a, b) => (a.slice(6) < b.slice(6) ? -1 : 1)).join("\n")}\n`];
    }),
  );
}

/**
 * The calls that a module makes while it is imported. Each would keep code that nobody uses in a bundle, or do something
 * that nobody asked for; one that is marked pure (a bundler marks `new Set([...])` by itself) does neither.
 */
export function callsAtTop(code: string): readonly string[] {
  const source = ts.createSourceFile("module.js", code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const calls: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) return; // runs later
    if (ts.isPropertyDeclaration(node) && !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword))
      return;
    const calling = ts.isCallExpression(node) || ts.isNewExpression(node) || ts.isTaggedTemplateExpression(node);
    const pure = /[@#]__PURE__/.test(code.slice(node.getFullStart(), node.getStart(source)));
    const loading = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    if (calling && !pure && !loading) calls.push(node.getText(source).slice(0, 80));
    else ts.forEachChild(node, visit);
  };
  visit(source);
  return calls;
}
