// Checks dashboards against the types of @grafana/schema: each part becomes an object literal in TypeScript, so a property that
// the schema does not have, a value of a wrong type and a missing property are errors of the compiler. A property that the schema
// marks @deprecated is an error too.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
// by its path: the package exports only the first version of its dashboard kind by name
const { defaultDashboard } = await import(join(here, 'node_modules/@grafana/schema/dist/esm/raw/dashboard/x/types.gen.mjs'));
const panelTypes = {
  bargauge: 'BargaugePanel',
  row: 'RowPanel',
  stat: 'StatPanel',
  'state-timeline': 'StateTimelinePanel',
  table: 'TablePanel',
  timeseries: 'TimeseriesPanel',
};

const problems = [];
const sources = new Map();
for (const file of process.argv.slice(2)) {
  const dashboard = JSON.parse(readFileSync(file, 'utf-8'));
  if (dashboard.schemaVersion !== defaultDashboard.schemaVersion) {
    problems.push(`${file}: schemaVersion is ${dashboard.schemaVersion}, the schema's is ${defaultDashboard.schemaVersion}`);
  }
  const text = ["import type * as types from './types';"];
  const declare = (name, type, value) => text.push(`export const ${name}: types.${type} = ${JSON.stringify(value, null, 1)};`);
  declare('dashboard', 'DashboardWithoutPanels', { ...dashboard, panels: [] });
  for (const panel of dashboard.panels) {
    if (panelTypes[panel.type]) {
      declare(`panel${panel.id}`, panelTypes[panel.type], panel);
    } else {
      problems.push(`${file}: panel type ${panel.type} is not one that is checked`);
    }
  }
  sources.set(join(here, `${basename(file)}.ts`), { file, text: text.join('\n') });
}

const options = {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  paths: { '@grafana/schema/dist/types/*': [join(here, 'node_modules/@grafana/schema/dist/types/*')] },
  skipLibCheck: true,
  types: [],
  noErrorTruncation: false,
};
const host = ts.createCompilerHost(options);
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (name) => sources.has(name) || fileExists(name);
host.readFile = (name) => sources.get(name)?.text ?? readFile(name);
host.getSourceFile = (name, language) =>
  sources.has(name) ? ts.createSourceFile(name, sources.get(name).text, language, true) : getSourceFile(name, language);

const program = ts.createProgram([...sources.keys()], options, host);
const checker = program.getTypeChecker();

const place = (source, position) => {
  const { file, text } = sources.get(source.fileName) ?? { file: source.fileName, text: '' };
  const title = [...text.slice(0, position).matchAll(/export const (\w+)/g)].at(-1)?.[1];
  return `${file}: ${title}: ${source.text.split('\n')[source.getLineAndCharacterOfPosition(position).line].trim()}`;
};
for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n    ');
  problems.push(file ? `${place(file, start)}\n    ${message}` : message);
}

let checked = 0;
const visit = (source) => (node) => {
  if (ts.isPropertyAssignment(node)) {
    checked += 1;
    const literal = checker.getContextualType(node.parent);
    const property = literal && checker.getPropertyOfType(literal, node.name.text);
    if (property?.getJsDocTags(checker).some((tag) => tag.name === 'deprecated')) {
      problems.push(`${place(source, node.getStart(source))}\n    deprecated by the schema`);
    }
  }
  ts.forEachChild(node, visit(source));
};
for (const name of sources.keys()) {
  const source = program.getSourceFile(name);
  visit(source)(source);
}

for (const problem of problems) {
  console.error(problem);
}
console.log(`${sources.size} dashboards, ${checked} properties, ${problems.length} problems`);
process.exit(problems.length || !sources.size ? 1 : 0);
