export { firstBars, loadMarket, type Market, type Series } from './market.ts';
export { BARS_PER_FAULT, placedFaults, type PlacedFault } from './fault-schedule.ts';
export { type DemoRun, runDemo, type RunOptions } from './run.ts';
export { renderSummary, type RunSummary } from './summary.ts';
export { DEMO_ACCOUNT, startSimulators, type Simulators } from './simulators.ts';
