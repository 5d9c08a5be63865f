// What the linter refuses, zone by zone. Every rule here is planted and seen to bite by scripts/prove-rules.mjs.
// The compiler holds the pure zones first (tsconfig.pure.json has no host types); this file holds what a type checker cannot see.
import tseslint from 'typescript-eslint';

/** Code that computes and does nothing else: the same input gives the same output, on every machine, at any time. */
const PURE_ZONES = [
  'src/kernel/**/*.ts',
  'src/contracts/**/*.ts',
  'src/saga-core/index.ts',
  'src/saga-core/definition/**/*.ts',
  'src/saga-core/engine/**/*.ts',
  'src/saga-core/ports/**/*.ts',
  'src/sagas/**/*.ts',
  'src/participants/*/business/**/*.ts',
];
const TESTS = ['**/*.test.ts', '**/*.fixture.ts', 'test/**/*.ts'];
const GENERATED = ['src/contracts/generated/**'];
/** Tools read their configuration from a default export. */
const CONFIG_FILES = ['*.config.mjs', 'eslint.config.mjs', 'test/support/strip-types.mjs', '**/vite.config.ts', '**/*.d.ts'];
/** Wire data and files are parsed here: the only places, beside the kernel, that may say what a value is. */
const MAY_CAST = ['src/kernel/**/*.ts', 'src/adapters/**/*.ts', 'src/simulators/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts', ...TESTS];

const EVERYWHERE = [
  { selector: 'TSEnumDeclaration', message: 'No enums: a union of string literals needs no runtime.' },
  { selector: 'TSModuleDeclaration:not([global=true]):not([declare=true])', message: 'No namespaces: a file is a module.' },
  { selector: 'Decorator', message: 'No decorators: say it in code that can be read in order.' },
  { selector: 'ExportAllDeclaration[exported=null]', message: 'No `export *`: a front door names what it gives out.' },
  {
    selector: ':matches(ClassDeclaration, ClassExpression)[superClass]:not([superClass.name="Error"])',
    message: 'No inheritance except from Error: compose instead.',
  },
];
const NO_DEFAULT_EXPORT = { selector: 'ExportDefaultDeclaration', message: 'No default exports: one name, the same everywhere.' };
const NO_CASTS = [
  {
    selector: 'TSAsExpression:not([typeAnnotation.typeName.name="const"])',
    message: 'No casts here: parse the value, or give it a type that fits. Casts live in src/kernel, adapters, simulators and tests.',
  },
  { selector: 'TSTypeAssertion', message: 'No angle-bracket casts here: parse the value.' },
];
const PURE_ASYNC = [
  { selector: ':function[async=true]', message: 'No async in a pure zone: return what is to be done, the runtime does it.' },
  { selector: 'AwaitExpression', message: 'No await in a pure zone.' },
  { selector: 'ForOfStatement[await=true]', message: 'No `for await` in a pure zone.' },
  { selector: 'ImportExpression', message: 'No dynamic import in a pure zone.' },
];
const PURE_VALUES = [
  {
    selector: 'CallExpression[callee.property.name=/^(localeCompare|toLocale[A-Za-z]*)$/]',
    message: 'No locale in a pure zone: the result must not depend on where it runs.',
  },
];
const PURE_THROW = { selector: 'ThrowStatement', message: 'No throw in a pure zone: return a Result, or call assertNever or invariant of the kernel.' };
const PURE_CLASS = { selector: ':matches(ClassDeclaration, ClassExpression)', message: 'No classes in a pure zone: types and functions.' };

const syntax = (...restrictions) => ({ 'no-restricted-syntax': ['error', ...restrictions.flat(Infinity)] });
const PURE = [EVERYWHERE, NO_DEFAULT_EXPORT, PURE_ASYNC, PURE_VALUES];

/** Sizes to start with: a warning each, counted in test/architecture/exemptions.json; the count may only fall. */
const SIZES = {
  'max-lines-per-function': ['warn', { max: 60, skipBlankLines: true, skipComments: true }],
  'max-lines': ['warn', { max: 300, skipBlankLines: true, skipComments: true }],
  'max-params': ['warn', { max: 3 }],
  'max-depth': ['warn', { max: 3 }],
  complexity: ['warn', { max: 10 }],
};

export default [
  {
    name: 'chorus/not-linted',
    ignores: ['**/node_modules/**', '.chorus/**', '**/dist/**', 'coverage/**', '**/*.generated.ts', 'src/contracts/generated/**'],
  },
  { name: 'chorus/suppressions', linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },
  {
    name: 'chorus/every-file',
    files: ['**/*.{ts,tsx,mjs,cjs}'],
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': 'error',
      'no-param-reassign': 'error',
      'no-eval': 'error',
      'no-debugger': 'error',
      ...SIZES,
    },
  },
  {
    name: 'chorus/scripts',
    files: ['**/*.mjs'],
    ignores: CONFIG_FILES,
    rules: syntax(EVERYWHERE, NO_DEFAULT_EXPORT),
  },
  {
    name: 'chorus/typescript',
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parser: tseslint.parser },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description', 'ts-ignore': true, 'ts-nocheck': true, minimumDescriptionLength: 10 }],
      '@typescript-eslint/no-require-imports': 'error',
      ...syntax(EVERYWHERE, NO_DEFAULT_EXPORT, NO_CASTS),
    },
  },
  {
    name: 'chorus/promises',
    files: ['{src,test,bench,scripts}/**/*.ts'],
    ignores: GENERATED,
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false, arguments: false, properties: false, returns: false, variables: false, inheritedMethods: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-implied-eval': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  { name: 'chorus/casts-allowed', files: MAY_CAST, rules: syntax(EVERYWHERE, NO_DEFAULT_EXPORT) },
  {
    name: 'chorus/pure-zones',
    files: PURE_ZONES,
    ignores: TESTS,
    rules: {
      'no-restricted-globals': [
        'error',
        ...['Date', 'Intl', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics', 'globalThis'].map((name) => ({
          name,
          message: 'Not in a pure zone: time, ids, randomness and the machine come in as data, or through a port.',
        })),
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Not in a pure zone: randomness comes through a port, seeded.' }],
      ...syntax(PURE, NO_CASTS, PURE_THROW, PURE_CLASS),
    },
  },
  { name: 'chorus/kernel-brands', files: ['src/kernel/**/*.ts'], ignores: TESTS, rules: syntax(PURE, PURE_THROW, PURE_CLASS) },
  { name: 'chorus/invariant', files: ['src/kernel/invariant.ts'], rules: syntax(PURE) },
  { name: 'chorus/definition-stops-the-process', files: ['src/saga-core/definition/define-saga.ts'], rules: syntax(PURE, NO_CASTS, PURE_CLASS) },
  {
    name: 'chorus/tests',
    files: TESTS,
    rules: { 'max-lines': ['warn', { max: 500, skipBlankLines: true, skipComments: true }], 'max-lines-per-function': 'off' },
  },
  { name: 'chorus/config-files', files: CONFIG_FILES, rules: { 'no-restricted-syntax': 'off' } },
];
