// Node's type stripping instead of a compiler; `chorus:source` makes `#…` imports point at src/.
const common = {
  testEnvironment: 'node',
  // Fetched programs and built files have package.json files of their own.
  modulePathIgnorePatterns: ['<rootDir>/.chorus/', '<rootDir>/dist/', '<rootDir>/bootstrap/node/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  testEnvironmentOptions: { customExportConditions: ['chorus:source', 'node', 'node-addons'] },
};

const project = (displayName, testMatch, more = {}) => ({ ...common, displayName, testMatch, ...more });

export default {
  projects: [
    project('unit', ['<rootDir>/{src,test}/**/*.{unit,property,contract,saga}.test.ts'], { testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/architecture/'] }),
    project('architecture', ['<rootDir>/test/architecture/**/*.test.ts']),
    project('conformance', ['<rootDir>/test/conformance/**/*.conformance.test.ts']),
    project('simulation', ['<rootDir>/test/simulation/**/*.simulation.test.ts']),
    project('integration', ['<rootDir>/{src,test}/**/*.integration.test.ts']),
    project('faults', ['<rootDir>/test/faults/**/*.faults.test.ts']),
    project('e2e', ['<rootDir>/test/e2e/**/*.e2e.test.ts']),
  ],
};
