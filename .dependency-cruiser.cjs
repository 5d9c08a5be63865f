// Who may import whom. Each rule has its reason; scripts/prove-rules.mjs plants a violation of each and expects the refusal.
// `#…` front doors are resolved through package.json "imports" with the condition chorus:source, as Node does it.
// Three sentences to remember: participants are strangers and talk by messages; inner code never sees outer code; across a
// module you enter by its front door (`#…` or index.ts), inside it you use `./`.

const TEST_CODE = '(^test/|[.]test[.]ts$|[.]fixture[.]ts$)';
const PURE_SAGA_CORE = '^src/saga-core/(index[.]ts$|definition/|engine/)';
const PORTS = '^src/saga-core/ports/';
const KERNEL = '^src/kernel/';
const CONTRACTS = '^src/contracts/';
const CORE_CONTRACTS = '^src/contracts/(core|event-type)[.]ts$|^src/contracts/generated/core[.]ts$';
const MODULES_WITH_NAMES = 'sagas|participants|projections|adapters|simulators|apps';

/** Everything outside the listed paths is refused. `from` and `to` are regular expressions; `$1` is the first group of `from`. */
const only = ({ name, because, from, fromNot = [], may }) => ({
  name,
  severity: 'error',
  comment: because,
  from: { path: from, pathNot: [TEST_CODE, ...fromNot] },
  to: { pathNot: may },
});
const never = ({ name, because, from, to }) => ({ name, severity: 'error', comment: because, from: { pathNot: [TEST_CODE], ...from }, to });

/** The import-law table, one rule a row. */
const rows = [
  only({
    name: 'kernel-imports-nothing',
    because: 'Ids, money and Result are the ground everything stands on: they stand on nothing.',
    from: KERNEL,
    may: [KERNEL],
  }),
  only({
    name: 'contracts-import-kernel-only',
    because: 'What is on the wire is described apart from who sends and reads it.',
    from: CONTRACTS,
    may: [CONTRACTS, KERNEL],
  }),
  only({
    name: 'saga-core-knows-no-trading-word',
    because: 'Definition, engine and ports are pure and of no trade: kernel, the core contracts and each other.',
    from: '^src/saga-core/(index[.]ts$|definition/|engine/|ports/)',
    may: [KERNEL, CORE_CONTRACTS, PURE_SAGA_CORE, PORTS],
  }),
  only({
    name: 'runtime-needs-ports-only',
    because: 'The task loop talks to the outside through ports; it names no package and no adapter.',
    from: '^src/saga-core/(runtime|testing)/',
    may: [KERNEL, CORE_CONTRACTS, '^src/saga-core/', '^(node:)?[a-z0-9_/]+$'],
  }),
  never({
    name: 'runtime-without-testing',
    because: 'What runs in production does not hang on what tests run with.',
    from: { path: '^src/saga-core/runtime/' },
    to: { path: '^src/saga-core/testing/' },
  }),
  only({
    name: 'business-stands-alone',
    because: 'Business rules know neither the wire nor sagas nor messages: they are read, tested and changed alone.',
    from: '^src/participants/([^/]+)/business/',
    may: [KERNEL, '^src/participants/$1/business/'],
  }),
  only({
    name: 'participants-are-strangers',
    because: 'Participants talk by messages. They may name the saga whose steps they own, and the ports; no package, no other participant.',
    from: '^src/participants/([^/]+)/',
    fromNot: ['^src/participants/[^/]+/business/'],
    may: [KERNEL, CONTRACTS, PURE_SAGA_CORE, PORTS, '^src/participants/$1/', '^src/sagas/[^/]+/index[.]ts$'],
  }),
  never({
    name: 'messaging-below-steps',
    because: 'Steps use the mapping between wire and business; the mapping does not know the steps.',
    from: { path: '^src/participants/([^/]+)/messaging/' },
    to: { path: '^src/participants/[^/]+/saga/' },
  }),
  never({
    name: 'wiring-is-on-top',
    because: 'A *.participant.ts puts its parts together: no part of it looks back.',
    from: { path: '^src/participants/([^/]+)/(business|messaging|saga|gateways)' },
    to: { path: '[.]participant[.]ts$' },
  }),
  only({
    name: 'sagas-are-data',
    because: 'A saga says order, owners and policies. It knows no participant: owners are names.',
    from: '^src/sagas/',
    may: [KERNEL, CONTRACTS, PURE_SAGA_CORE, '^src/sagas/'],
  }),
  only({
    name: 'projections-are-mappings',
    because: 'A projection maps events to rows; the database is reached by an adapter.',
    from: '^src/projections/',
    may: [KERNEL, CONTRACTS, PURE_SAGA_CORE, PORTS, '^src/projections/'],
  }),
  never({
    name: 'adapters-see-no-application',
    because: 'An adapter serves ports. It knows participants and projections by their ports\' types, and no saga, runtime, simulator or app.',
    from: { path: '^src/adapters/' },
    to: { path: '^src/(saga-core/(runtime|testing)|sagas|simulators|apps|console)/' },
  }),
  only({
    name: 'simulators-are-the-other-side',
    because: 'A simulator speaks the vendor\'s protocol from the vendor\'s documentation: sharing code with the adapter would share its errors.',
    from: '^src/simulators/',
    may: [KERNEL, '^src/simulators/', '^node_modules/', '^(node:)?[a-z0-9_/]+$'],
  }),
  never({
    name: 'simulators-of-one-vendor',
    because: 'A vendor\'s simulator stands by itself; what vendors share is in simulators/support and simulators/chat-completions.',
    from: { path: '^src/simulators/([^/]+)/' },
    to: { path: '^src/simulators/', pathNot: ['^src/simulators/($1|support|chat-completions)/'] },
  }),
  only({
    name: 'console-talks-to-the-api',
    because: 'The browser knows the kernel and the API\'s generated client, nothing of the server.',
    from: '^src/console/',
    may: [KERNEL, '^src/console/', '^node_modules/'],
  }),
  never({
    name: 'simulators-stay-out-of-production',
    because: 'Only the demo, the local platform, the simulators\' own command and tests start a simulator.',
    from: { path: '^src/', pathNot: [TEST_CODE, '^src/simulators/', '^src/apps/(demo|local-platform|simulators|cli)/'] },
    to: { path: '^src/simulators/' },
  }),
  never({
    name: 'tests-are-not-imported',
    because: 'Code that runs does not hang on test code.',
    from: { path: '^(src|scripts)/', pathNot: [TEST_CODE, '^scripts/(prove-rules|lint)'] },
    to: { path: TEST_CODE },
  }),
];

/** Across a module one enters by its front door; inside it one uses ./ */
const frontDoors = [
  {
    name: 'front-door-of-kernel',
    severity: 'error',
    comment: 'The kernel is entered by #kernel.',
    from: { pathNot: ['^src/kernel/'] },
    to: { path: KERNEL, pathNot: ['^src/kernel/index[.]ts$'] },
  },
  {
    name: 'front-door-of-contracts',
    severity: 'error',
    comment: 'The contracts are entered by #contracts, and by #contracts/core where no trading word may be known.',
    from: { pathNot: ['^src/contracts/', '^scripts/'] },
    to: { path: CONTRACTS, pathNot: ['^src/contracts/(index|core)[.]ts$'] },
  },
  {
    name: 'front-doors-of-saga-core',
    severity: 'error',
    comment: 'saga-core is entered by #saga-core, #saga-core/ports, #saga-core/runtime and #saga-core/testing.',
    from: { pathNot: ['^src/saga-core/'] },
    to: { path: '^src/saga-core/', pathNot: ['^src/saga-core/((ports|runtime|testing)/)?index[.]ts$'] },
  },
  {
    name: 'front-doors-of-modules',
    severity: 'error',
    comment: 'Another module is entered by its index.ts: what it does not give out is its own business.',
    from: { path: `^src/(${MODULES_WITH_NAMES})/([^/]+)/` },
    to: { path: `^src/(${MODULES_WITH_NAMES})/[^/]+/`, pathNot: ['^src/$1/$2/', '^src/[^/]+/[^/]+/index[.]ts$'] },
  },
  {
    name: 'front-doors-from-outside',
    severity: 'error',
    comment: 'Tests, benchmarks, scripts and the rest of src enter a module by its index.ts too. The stage of a module\'s own unit tests may look inside it.',
    from: { path: '^(src|test|bench|scripts|examples)/', pathNot: [`^src/(${MODULES_WITH_NAMES})/`, '^test/support/vendors/'] },
    to: { path: `^src/(${MODULES_WITH_NAMES})/[^/]+/`, pathNot: ['^src/[^/]+/[^/]+/index[.]ts$', '^src/apps/[^/]+/main[.]ts$'] },
  },
  {
    name: 'no-own-front-door',
    severity: 'error',
    comment: 'Inside a module use ./: its own front door would close a circle.',
    from: { path: `^src/((?:(?:${MODULES_WITH_NAMES})/[^/]+|kernel|contracts))/`, pathNot: ['[.]test[.]ts$'] },
    to: { path: '^src/$1/', dependencyTypes: ['aliased-subpath-import'] },
  },
];

/** By file role: the name tells what the file may import, wherever it lies. */
const roles = [
  only({
    name: 'decide-and-evolve-are-pure',
    because: 'A *.decide.ts or *.evolve.ts is pure wherever it lies: kernel, contracts, pure saga-core and its own module\'s pure files.',
    from: '^src/(.+)/[^/]+[.](decide|evolve)[.]ts$',
    may: [KERNEL, CONTRACTS, PURE_SAGA_CORE, PORTS, '^src/$1/[^/]+[.]ts$', '/business/'],
  }),
  never({
    name: 'steps-do-not-know-each-other',
    because: 'A step is reached by its saga, in the saga\'s order; what two steps share has a file of its own.',
    from: { path: '[.]step[.]ts$' },
    to: { path: '[.]step[.]ts$' },
  }),
];

const hygiene = [
  { name: 'no-cycles', severity: 'error', comment: 'Of two files that need each other neither can be understood alone.', from: {}, to: { circular: true } },
  {
    name: 'no-orphans',
    severity: 'error',
    comment: 'A file that nobody imports and that imports nobody is dead.',
    from: { orphan: true, path: '^src/', pathNot: ['[.]d[.]ts$', '/(main|index)[.]ts$', TEST_CODE] },
    to: {},
  },
  {
    name: 'no-unreachable-files',
    severity: 'error',
    comment: 'A file that no front door and no program reaches is dead, even when its own tests keep it warm.',
    from: { path: '^(src/.*/(index|main)[.]ts$|src/index[.]ts$|scripts/|bench/)', pathNot: ['^node_modules/'] },
    to: { path: '^src/', pathNot: [TEST_CODE, '[.]d[.]ts$', '/(index|main)[.]ts$', '^src/console/'], reachable: false },
  },
  { name: 'no-unresolvable', severity: 'error', comment: 'An import that leads nowhere fails at start-up.', from: {}, to: { couldNotResolve: true } },
  {
    name: 'packages-in-adapters-only',
    severity: 'error',
    comment: 'Only adapters, apps and simulators name an I/O package: everything else can be run and tested without it.',
    from: { path: '^src/', pathNot: [TEST_CODE, '^src/(adapters|apps|simulators|console)/'] },
    to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'node-modules-of-node-only',
    severity: 'error',
    comment: 'Node\'s own modules are I/O too: adapters, apps, simulators and the runtime.',
    from: { path: '^src/', pathNot: [TEST_CODE, '^src/(adapters|apps|simulators)/', '^src/saga-core/(runtime|testing)/'] },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'no-undeclared-packages',
    severity: 'error',
    comment: 'A package that package.json does not name is there by accident.',
    from: {},
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'no-dev-packages-in-production',
    severity: 'error',
    comment: 'What runs in production is under "dependencies".',
    from: { path: '^src/', pathNot: [TEST_CODE, '[.]d[.]ts$'] },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: ['^node_modules/@types/'] },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...rows, ...frontDoors, ...roles, ...hygiene],
  options: {
    doNotFollow: { path: ['^node_modules/'] },
    exclude: { path: ['^dist/', '^[.]chorus/', '^coverage/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['chorus:source', 'types', 'import', 'node', 'default'], extensions: ['.ts', '.tsx', '.mjs', '.cjs', '.js', '.d.ts'] },
  },
};
